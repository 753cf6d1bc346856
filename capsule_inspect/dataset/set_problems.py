"""Problems of a set of pictures as a whole, each of which can be read."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator

from capsule_inspect.classes import GOOD
from capsule_inspect.dataset.checked_picture import CheckedPicture
from capsule_inspect.dataset.data_set import class_order
from capsule_inspect.dataset.problem import Problem
from capsule_inspect.dataset.split import MIN_TO_SPLIT


def set_problems(fit: Collection[CheckedPicture]) -> Iterator[Problem]:
    """Finds what is worth a warning about a set as a whole."""
    distinct = {(picture.label, picture.sha256) for picture in fit}
    counts = Counter(label for label, _ in distinct)
    few = [label for label in class_order(counts) if counts[label] < MIN_TO_SPLIT]
    if few:
        listed = ", ".join(f"{label} ({counts[label]})" for label in few)
        message = (
            f"Classes of fewer than {MIN_TO_SPLIT} distinct pictures all go to train: {listed}."
        )
        yield Problem("", message, fatal=False)
    if not set(counts) - {GOOD}:
        yield Problem(
            "", "There is no class of defects; no model can be trained on this.", fatal=False
        )
    elif not any(picture.mask for picture in fit):
        message = "There are no masks; where a defect is cannot be learned or measured."
        yield Problem("", message, fatal=False)


def copy_problems(pictures: Iterable[CheckedPicture]) -> list[Problem]:
    """Finds pictures of the same pixels: fatal where their labels differ, else worth a warning."""
    groups: dict[str, list[CheckedPicture]] = defaultdict(list)
    for picture in pictures:
        groups[picture.sha256].append(picture)
    problems: list[Problem] = []
    for group in (group for group in groups.values() if len(group) > 1):
        if len({picture.label for picture in group}) > 1:
            for picture in group:
                rivals = ", ".join(rival.path for rival in group if rival.label != picture.label)
                message = f"It is the same picture as {rivals}, under another label. Keep one."
                problems.append(Problem(picture.path, message, fatal=True))
        else:
            for picture in group[1:]:
                message = f"It is a copy of {group[0].path}; both go to the same split."
                problems.append(Problem(picture.path, message, fatal=False))
    return problems
