"""The split, the fold and the part of pictures that join a data set."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from capsule_inspect.choices import SPLITS
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.part_groups import deal_parts, group_pictures, parts_of
from capsule_inspect.dataset.problems import Problem
from capsule_inspect.dataset.split import MIN_TO_SPLIT, Place
from capsule_inspect.errors import DataError
from capsule_inspect.settings.groups import DataSettings


def place_newcomers(
    samples: Sequence[Sample],
    newcomers: Mapping[str, Sample],
    settings: DataSettings,
    seed: int,
) -> tuple[tuple[Sample, ...], tuple[Problem, ...]]:
    """Gives new pictures a split, a fold and a part; those that are there keep theirs.

    Pictures of a part go where the part is. Others are dealt in the order of their hashes and the
    seed, as `prepare` does, each to where its class lacks most of the share that the whole set has
    there. Classes of fewer than three distinct pictures go to `train`.

    Args:
        samples: The pictures of the data set.
        newcomers: The new ones, distinct, without split, fold and group; by the path that
            `data.group` is to be looked for in.
        settings: The pattern of parts.
        seed: The seed of the data set.

    Returns:
        The new pictures with their places; and a fatal problem for each that joins parts of several
        splits.

    Raises:
        DataError: The data set has parts, and no pattern tells those of the new pictures.
    """
    if not newcomers:
        return (), ()
    parts = _find_parts(samples, list(newcomers), settings)
    placed, loose, problems = [], [], []
    for path, sample in newcomers.items():
        group, places = parts[path]
        own = replace(sample, group=group)
        if len(places) > 1:
            message = (
                f"It shows the part '{group}', whose pictures are in several splits or folds, so "
                "it cannot join them."
            )
            problems.append(Problem(path, message, fatal=True))
        elif places:
            placed.append(replace(own, **vars(next(iter(places)))))
        else:
            loose.append(own)
    dealt = _deal([*samples, *placed], loose, seed)
    return (*placed, *dealt), tuple(problems)


def _find_parts(
    samples: Sequence[Sample], paths: Sequence[str], settings: DataSettings
) -> dict[str, tuple[str, frozenset[Place]]]:
    """Returns the part of each new picture, and where the pictures of that part are."""
    if not settings.group:
        if any(sample.group for sample in samples):
            raise DataError(
                "The pictures of this data set are grouped by the parts that they show. Give the "
                "setting data.group again, so that new pictures join theirs."
            )
        return dict.fromkeys(paths, ("", frozenset()))
    # A new picture may have the path of another one in the set, in another folder.
    known = {f"data set/{sample.path}": sample for sample in samples}
    found = group_pictures((*known, *paths), settings.group, settings.group_gap)
    mates: dict[str, list[Sample]] = {}
    for key, sample in known.items():
        for name in {found[key], sample.group} - {""}:
            mates.setdefault(name, []).append(sample)
    parts = {}
    for path in paths:
        own = mates.get(found[path], [])
        names = sorted({sample.group for sample in own} - {""})
        places = frozenset(Place(sample.split, sample.fold) for sample in own)
        parts[path] = (names[0] if names else found[path], places)
    return parts


def _deal(samples: Sequence[Sample], loose: Sequence[Sample], seed: int) -> tuple[Sample, ...]:
    """Deals pictures whose part is not in the data set yet."""
    there = {sample.sha256: sample for sample in samples}
    labels = {sample.sha256: sample.label for sample in loose}
    parts = parts_of(loose) or {key: key for key in labels}
    totals = Counter([*labels.values(), *(sample.label for sample in there.values())])
    splits = {
        key: "train"
        for key, label in labels.items()
        if totals[label] < MIN_TO_SPLIT and Counter(parts.values())[parts[key]] == 1
    }
    left = {key: label for key, label in labels.items() if key not in splits}
    counted = Counter(sample.split for sample in there.values())
    shares = {name: counted[name] / len(there) for name in ("test", "val", "train")}
    splits |= deal_parts(left, parts, shares, seed, _held(there.values(), "split"))
    folds: Mapping[str, str] = {}
    if all(sample.fold is not None for sample in there.values()):
        count = 1 + max(sample.fold or 0 for sample in there.values())
        numbers = dict.fromkeys(map(str, range(count)), 1 / count)
        folds = deal_parts(labels, parts, numbers, seed, _held(there.values(), "fold"))
    return tuple(
        replace(
            sample,
            split=splits[sample.sha256],
            fold=int(folds[sample.sha256]) if folds else None,
        )
        for sample in loose
    )


def _held(samples: Iterable[Sample], column: str) -> dict[str, Counter[str]]:
    """Returns the number of pictures of each class by split or fold."""
    held: dict[str, Counter[str]] = {name: Counter() for name in SPLITS}
    for sample in samples:
        held.setdefault(str(getattr(sample, column)), Counter())[sample.label] += 1
    return held
