"""Cross-validation folds: what each member of a study learns from, and what it is scored on."""

from dataclasses import replace

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.dataset.split import Place, split_pictures
from capsule_inspect.errors import DataError


def leave_out(data: DataSet, fold: int, folds: int, val: float) -> DataSet:
    """Returns a data set in which one fold is the test split.

    The other folds are split anew into `train` and `val`, in the way of `prepare`. Where the
    manifest has no folds they are dealt here, as `prepare` would have dealt them.

    Args:
        data: The data set; its own split plays no part.
        fold: The fold to leave out, from 0.
        folds: How many there are.
        val: Share of each class of the other folds for `val`, in [0, 1).

    Raises:
        DataError: The manifest has another number of folds or lacks some pictures', or the one left
            out holds nothing.
    """
    places = _places(data, folds)
    rest = {s.sha256: s.label for s in data.samples if places[s.sha256] != fold}
    if len(rest) == len(places):
        raise DataError(
            f"Fold {fold} of {folds} holds no pictures: there are too few. Ask for fewer folds."
        )
    inner = split_pictures(rest, data.seed, val, test=0.0)

    def placed(sample: Sample) -> Sample:
        own = inner.get(sample.sha256, Place("test", None))
        return replace(sample, split=own.split, fold=places[sample.sha256])

    return replace(data, samples=tuple(placed(sample) for sample in data.samples))


def _places(data: DataSet, folds: int) -> dict[str, int]:
    """Returns the fold of each distinct picture, by the hash of its pixels."""
    found = {sample.sha256: sample.fold for sample in data.samples if sample.fold is not None}
    if not found:
        labels = {sample.sha256: sample.label for sample in data.samples}
        dealt = split_pictures(labels, data.seed, val=0.0, test=0.0, folds=folds)
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
            f"The manifest deals the pictures into {count} folds, but train.folds is {folds}. "
            f"Prepare the data with data.folds={folds}, or set train.folds={count}."
        )
    return found
