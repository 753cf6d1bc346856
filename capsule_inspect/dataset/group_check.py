"""What is odd about parts that several pictures show, and about splits that keep them whole."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator

from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.problems import Problem
from capsule_inspect.dataset.split import MIN_TO_SPLIT
from capsule_inspect.settings.groups import DataSettings
from capsule_inspect.text import counted


def group_problems(samples: Collection[Sample], settings: DataSettings) -> Iterator[Problem]:
    """Finds what is odd about the parts that `data.group` finds; none is fatal.

    Args:
        samples: All samples, with their splits and groups.
        settings: The shares of the splits, and how parts were found.
    """
    if not settings.group:
        return
    for message in (
        *_about_missing_parts(samples),
        *_about_parts_of_one(samples, settings.group_gap),
        *_about_parts_of_several_classes(samples, settings.group_gap),
        *_about_missing_classes(samples, settings),
    ):
        yield Problem("", message, fatal=False)


def _about_missing_parts(samples: Collection[Sample]) -> Iterator[str]:
    without = [sample.path for sample in samples if not sample.group]
    if 0 < len(without) < len(samples):
        yield (
            f"data.group finds no part in {len(without)} of {len(samples)} paths, such as "
            f"{without[0]}; each is a part of its own."
        )


def _about_parts_of_one(samples: Collection[Sample], gap: int) -> Iterator[str]:
    parts = {sample.group or f"/{sample.path}" for sample in samples}
    if len(parts) == len(samples) > 1:
        advice = "data.group_gap is too small" if gap else "if they are numbers, add data.group_gap"
        yield (
            f"data.group finds another part in each of the {len(samples)} pictures, so it keeps "
            f"none together. Choose what the pictures of a part have in common; {advice}."
        )


def _about_parts_of_several_classes(samples: Collection[Sample], gap: int) -> Iterator[str]:
    classes: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        classes[sample.group].add(sample.label)
    mixed = {group: found for group, found in classes.items() if group and len(found) > 1}
    if gap and mixed:
        group = min(mixed)
        yield (
            f"{counted(len(mixed), 'part')} of {len(classes)} have pictures of several classes, "
            f"such as {group} ({', '.join(sorted(mixed[group]))}). That is fine if one object "
            "shows both; if these are several objects, a smaller data.group_gap parts them. Where "
            "you are not sure, keep the larger gap."
        )


def _about_missing_classes(samples: Collection[Sample], settings: DataSettings) -> Iterator[str]:
    distinct = {sample.sha256: sample for sample in samples}.values()
    counts = Counter(sample.label for sample in distinct)
    held = {(sample.split, sample.label) for sample in distinct}
    shares = {"val": settings.val, "test": settings.test}
    for split in (name for name, share in shares.items() if share):
        missing = [
            label
            for label, count in counts.items()
            if count >= MIN_TO_SPLIT and (split, label) not in held
        ]
        if missing:
            yield (
                f"The split {split} has no picture of {', '.join(sorted(missing))}, since parts "
                "stay whole. Another data.seed, or parts of fewer pictures, may give it some."
            )
