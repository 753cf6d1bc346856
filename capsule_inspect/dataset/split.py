"""Splitting: which pictures train, which tune decisions, which only `evaluate` sees.

The split depends on the pictures' pixels, their labels, the seed and the shares, and on nothing
else: not on names, folders, dates or the order of listing.

1. Copies, pictures of the same pixels, count as one and always go together.
2. Within each class the distinct pictures are put in the order of sha256("<sha256>:<seed>"), a
   shuffle that every machine repeats.
3. The class's number is shared out by the largest-remainder method; of equal remainders test's
   comes first, then val's. Then every split with a share above 0 that got nothing takes one from
   the largest. A class of fewer than three distinct pictures all trains.
4. The first of the order go to `test`, the next to `val`, the rest to `train`. Test comes first so
   that another share for `val` leaves the test pictures what they were.
5. Folds are dealt in turn along the same order; each class goes on where the one before it stopped,
   so that both the folds of a class and whole folds differ by one distinct picture at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from typing import Final

from capsule_inspect.dataset.data_set import class_order
from capsule_inspect.dataset.sample import SPLITS

MIN_TO_SPLIT: Final = 3
"""Distinct pictures a class needs to be split."""


@dataclass(frozen=True)
class Place:
    """Where a picture goes.

    Attributes:
        split: `train`, `val` or `test`.
        fold: Cross-validation fold from 0; None without folds.
    """

    split: str
    fold: int | None


def split_pictures(
    labels: Mapping[str, str], seed: int, val: float, test: float, folds: int = 0
) -> dict[str, Place]:
    """Splits distinct pictures, stratified by class.

    Args:
        labels: Label of each distinct picture, by the sha256 of its pixels.
        seed: Any whole number; another seed gives another split.
        val: Share of each class for `val`, in [0, 1).
        test: Share of each class for `test`, in [0, 1); both together below 1.
        folds: Number of folds; 0 for none.

    Returns:
        The place of each picture, by the same key.
    """
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


def share_out(count: int, val: float, test: float) -> dict[str, int]:
    """Says how many of a class's distinct pictures each split gets."""
    if count < MIN_TO_SPLIT:
        return {"train": count, "val": 0, "test": 0}
    # Through str, since the float 0.15 is not 15/100 and remainders must tie where they should.
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
