"""Split samples into train, val and test, or into folds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from capsule_inspect.choices import SPLITS
from capsule_inspect.dataset.data_set import DataSet, class_order
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.part_groups import deal_parts, parts_of
from capsule_inspect.errors import DataError

MIN_TO_SPLIT: Final = 3
"""The fewest distinct pictures of a class that is split."""


@dataclass(frozen=True)
class Place:
    """The split and fold of a picture.

    Attributes:
        split: `train`, `val` or `test`.
        fold: Cross-validation fold from 0; None without folds.
    """

    split: str
    fold: int | None


def split_pictures(
    labels: Mapping[str, str],
    seed: int,
    val: float,
    test: float,
    folds: int = 0,
    parts: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Place]:
    """Splits distinct pictures, stratified by class.

    Args:
        labels: Label of each distinct picture, by the sha256 of its pixels.
        seed: Any whole number; another seed gives another split.
        val: Share of each class for `val`, in [0, 1).
        test: Share of each class for `test`, in [0, 1); `val + test` is below 1.
        folds: Number of folds; 0 for none.
        parts: The part that each picture shows, as `parts_of` returns it: the pictures of one stay
            together. Empty if each shows its own.

    Returns:
        The place of each picture, by the same key.
    """
    if parts:
        return _split_parts(labels, seed, {"test": test, "val": val}, folds, parts)
    places: dict[str, Place] = {}
    dealt = 0
    for label in class_order(labels.values()):
        members = [key for key, own in labels.items() if own == label]
        members.sort(key=lambda key: sha256(f"{key}:{seed}".encode()).hexdigest())
        counts = share_out(len(members), val, test)
        splits = [name for name in ("test", "val", "train") for _ in range(counts[name])]
        for key, split in zip(members, splits, strict=True):
            places[key] = Place(split, dealt % folds if folds else None)
            dealt += 1
    return places


def _split_parts(
    labels: Mapping[str, str],
    seed: int,
    shares: Mapping[str, float],
    folds: int,
    parts: Mapping[str, str],
) -> dict[str, Place]:
    splits = deal_parts(labels, parts, {**shares, "train": 1 - sum(shares.values())}, seed)
    numbers = dict.fromkeys(map(str, range(folds)), 1 / folds) if folds else {}
    dealt = deal_parts(labels, parts, numbers, seed) if folds else {}
    return {key: Place(splits[key], int(dealt[key]) if folds else None) for key in labels}


def share_out(count: int, val: float, test: float) -> dict[str, int]:
    """Returns how many of the distinct pictures of a class go to each split."""
    if count < MIN_TO_SPLIT:
        return {"train": count, "val": 0, "test": 0}
    # By way of str, because the float 0.15 is not 15/100, and equal remainders must be equal.
    shares = {"val": Fraction(str(val)), "test": Fraction(str(test))}
    exact = {"train": count * (1 - sum(shares.values()))}
    exact |= {name: count * share for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(("test", "val", "train"), key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: count - sum(counts.values())]:
        counts[name] += 1
    for name in SPLITS:
        if exact[name] > 0 and counts[name] == 0:
            counts[max(counts, key=lambda other: counts[other])] -= 1
            counts[name] = 1
    return counts


def leave_out(data: DataSet, fold: int, folds: int, val: float) -> DataSet:
    """Returns a data set in which one fold is the test split.

    The other folds are split anew into `train` and `val`, as `prepare` does. If the manifest has no
    folds, the pictures are dealt into folds here, as `prepare` does.

    Args:
        data: The data set; its own split does not matter.
        fold: The fold to leave out, from 0.
        folds: Number of folds.
        val: Share of each class of the other folds for `val`, in [0, 1).

    Raises:
        DataError: The manifest has another number of folds, or none for some pictures, or the fold
            to leave out is empty.
    """
    places = _places(data, folds)
    rest = {s.sha256: s.label for s in data.samples if places[s.sha256] != fold}
    if len(rest) == len(places):
        raise DataError(
            f"Fold {fold} of {folds} has no pictures: there are too few. Set fewer folds."
        )
    inner = split_pictures(rest, data.seed, val, test=0.0, parts=parts_of(data.samples))

    def placed(sample: Sample) -> Sample:
        own = inner.get(sample.sha256, Place("test", None))
        return replace(sample, split=own.split, fold=places[sample.sha256])

    return replace(data, samples=tuple(placed(sample) for sample in data.samples))


def _places(data: DataSet, folds: int) -> dict[str, int]:
    """Returns the fold of each distinct picture, by the hash of its pixels."""
    found = {sample.sha256: sample.fold for sample in data.samples if sample.fold is not None}
    if not found:
        labels = {sample.sha256: sample.label for sample in data.samples}
        parts = parts_of(data.samples)
        dealt = split_pictures(labels, data.seed, val=0.0, test=0.0, folds=folds, parts=parts)
        return {key: place.fold for key, place in dealt.items() if place.fold is not None}
    without = {sample.sha256 for sample in data.samples} - found.keys()
    if without:
        raise DataError(
            f"The manifest gives {len(without)} pictures no fold, but others have one. Prepare the "
            f"data again with data.folds={folds}."
        )
    count = 1 + max(found.values())
    if count != folds:
        raise DataError(
            f"The manifest divides the pictures into {count} folds, but train.folds is {folds}. "
            f"Prepare the data with data.folds={folds}, or set train.folds={count}."
        )
    return found
