"""Check pictures and masks, and report all problems at once."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from capsule_inspect.choices import GOOD
from capsule_inspect.dataset.data_set import class_order
from capsule_inspect.dataset.layouts import Discovery, FoundPicture
from capsule_inspect.dataset.split import MIN_TO_SPLIT
from capsule_inspect.errors import DataError, PictureError
from capsule_inspect.imaging.picture import Picture, name_file
from capsule_inspect.imaging.read import read_mask, read_picture
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.text import on_one_line


@dataclass(frozen=True)
class CheckedPicture:
    """A picture that can be used.

    Attributes:
        path: POSIX path relative to the root.
        label: Class name.
        mask: POSIX path of its mask; empty where there is none.
        sha256: Of its pixels, see `hash_pixels`.
        width: Width in pixels.
        height: Height in pixels.
    """

    path: str
    label: str
    mask: str
    sha256: str
    width: int
    height: int


def hash_pixels(picture: Picture) -> str:
    """Returns the sha256 of a picture's shape and RGB values, the same for every file format."""
    height, width, _ = picture.shape
    digest = sha256(f"rgb uint8 {height} {width}\n".encode())
    digest.update(np.ascontiguousarray(picture).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file or a class.

    Attributes:
        path: POSIX path relative to the source; empty where it is about no single file.
        message: What is wrong, as a sentence.
        fatal: No data set is made with this file in it.
    """

    path: str
    message: str
    fatal: bool = field(kw_only=True)


class UnfitDataError(DataError):
    """Files of a data set have fatal problems.

    Attributes:
        problems: All that were found, fatal or not.
    """

    def __init__(self, message: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(message)
        self.problems = problems


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


def check_pictures(
    found: Discovery, reporter: Reporter = SILENT
) -> tuple[tuple[CheckedPicture, ...], tuple[Problem, ...]]:
    """Reads every picture and mask once and checks them.

    Fatal: a picture or mask that cannot be read, a mask of another size, a mask without a defect
    for a defective picture or with one for a good picture, several masks for one picture or one
    for several, a defective picture without a mask where others have one, a mask without its
    picture, a name no manifest can hold, and copies of one picture with different labels.
    Warnings: copies with the same label, a mask of more than two values, a set without masks,
    pictures outside the class folders, classes too small to split, and a set without defects.

    Args:
        found: What to check.
        reporter: Follows the progress.

    Returns:
        The pictures without a fatal problem, sorted by path, and all problems, sorted by path.
    """
    # Those of good pictures say nothing, for they are empty.
    masks_exist = any(picture.masks for picture in found.pictures if picture.label != GOOD)
    claims = Counter(mask for picture in found.pictures for mask in picture.masks)
    fit: list[CheckedPicture] = []
    problems = [*_stray_problems(found)]
    with reporter.progress(len(found.pictures), "Checking") as advance:
        for picture in found.pictures:
            checked, own = _check_picture(found.root, picture, masks_exist, claims)
            problems += own
            if checked is not None and not any(problem.fatal for problem in own):
                fit.append(checked)
            advance()
    copies = copy_problems(fit)
    conflicting = {problem.path for problem in copies if problem.fatal}
    fit = [checked for checked in fit if checked.path not in conflicting]
    problems += [*copies, *set_problems(fit)]
    problems.sort(key=lambda problem: (problem.path, problem.message))
    return tuple(fit), tuple(problems)


def _check_picture(
    root: Path, found: FoundPicture, masks_exist: bool, claims: Counter[str]
) -> tuple[CheckedPicture | None, list[Problem]]:
    problems = [*_name_problems(found)]
    try:
        pixels = read_picture(root / found.path)
    except PictureError as error:
        return None, [*problems, _unreadable(found.path, root / found.path, error)]
    height, width, _ = pixels.shape
    if len(found.masks) > 1:
        message = f"It has several masks: {', '.join(found.masks)}. Keep one."
        problems.append(Problem(found.path, message, fatal=True))
    elif not found.masks and found.label != GOOD and masks_exist:
        message = "It has no mask, but other pictures have one."
        problems.append(Problem(found.path, message, fatal=True))
    for mask in found.masks[:1]:
        if claims[mask] > 1:
            message = f"It shares the mask {mask} with another picture of that name; rename one."
            problems.append(Problem(found.path, message, fatal=True))
        problems += _mask_problems(root, mask, found.label, (height, width))
    checked = CheckedPicture(
        path=found.path,
        label=found.label,
        # A good picture's mask is all background, which its label says already.
        mask="" if found.label == GOOD else "".join(found.masks[:1]),
        sha256=hash_pixels(pixels),
        width=width,
        height=height,
    )
    return checked, problems


def _name_problems(found: FoundPicture) -> Iterator[Problem]:
    for name in (found.path, *found.masks):
        if name != on_one_line(name):
            message = "Its name holds a control character, or is not UTF-8; rename it."
            yield Problem(on_one_line(name), message, fatal=True)
    if not found.label.strip():
        message = "The name of its class folder is blank; rename that."
        yield Problem(found.path, message, fatal=True)


def _mask_problems(root: Path, path: str, label: str, size: tuple[int, int]) -> Iterator[Problem]:
    try:
        mask = read_mask(root / path)
    except PictureError as error:
        yield _unreadable(path, root / path, error)
        return
    if mask.shape != size:
        yield Problem(
            path,
            f"The mask has {mask.shape[1]} x {mask.shape[0]} pixels, "
            f"its picture {size[1]} x {size[0]}.",
            fatal=True,
        )
    values = np.unique(mask)
    if label == GOOD and values.any():
        yield Problem(
            path, "The mask marks a defect, but its picture is labelled good.", fatal=True
        )
    elif label != GOOD and not values.any():
        yield Problem(path, f"The mask is empty, but its picture is labelled {label}.", fatal=True)
    elif len(values) > 2:
        message = f"The mask holds {len(values)} values; all but 0 count as defect."
        yield Problem(path, message, fatal=False)


def _unreadable(path: str, full: Path, error: PictureError) -> Problem:
    message = str(error).replace(name_file(full), "It", 1)
    return Problem(on_one_line(path), on_one_line(message), fatal=True)


def _stray_problems(found: Discovery) -> Iterator[Problem]:
    for path in found.stray_masks:
        yield Problem(on_one_line(path), "The mask has no picture.", fatal=True)
    for path in found.stray_pictures:
        message = "It lies in no class folder and is left out."
        yield Problem(on_one_line(path), message, fatal=False)
