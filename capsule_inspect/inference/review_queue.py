"""The capsules of a finished run in the order in which a person looks at them: doubtful first."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Final

from capsule_inspect.choices import GOOD
from capsule_inspect.errors import UsageError
from capsule_inspect.imaging.picture import MAX_PIXELS
from capsule_inspect.inference.addresses import refuse_address
from capsule_inspect.inference.corrections import UNSURE, Correction, Key, now
from capsule_inspect.inference.digests import read_chain
from capsule_inspect.inference.records import Record, read_records
from capsule_inspect.inference.results_folder import ResultsFolder
from capsule_inspect.inference.seal import DIGESTS

_WARNING: Final = 2.0
_NEIGHBOURS: Final = 1.0
"""What a warning, and neighbours that disagree, take off the distance from the threshold. A logit
of 2 leads from a score of 0.5 to 0.88, one of 1 to 0.73."""

_NEAR: Final = 1.0
"""The distance up to which a score is said to be near the threshold."""

_LEAST: Final = 1e-6
"""Scores have six significant digits; 0 and 1 have no logit."""


@dataclass(frozen=True)
class ReviewItem:
    """A capsule to judge, or a picture on which none was found.

    Attributes:
        record: Its row.
        capsules: How many rows its picture has.
        picture_sha256: SHA-256 of the picture's file when it was inspected.
        doubt: The smaller, the earlier it is looked at.
        reasons: Sentences that say why it is doubtful, beside the warning of its row.
    """

    record: Record
    capsules: int
    picture_sha256: str
    doubt: float
    reasons: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """What tells it from others in the file of judgements."""
        return self.record.path, self.record.capsule, self.picture_sha256

    def judge(self, reviewer: str, label: str) -> Correction:
        """Returns a judgement of it, made now."""
        return Correction(
            time=now(),
            reviewer=reviewer,
            path=self.record.path,
            capsule=self.record.capsule,
            capsules=self.capsules,
            picture_sha256=self.picture_sha256,
            label_model=self.record.label,
            defect_score=self.record.defect_score,
            label=label,
        )


def order_for_review(
    records: Sequence[Record], digests: Mapping[str, str]
) -> tuple[ReviewItem, ...]:
    """Returns what there is to judge, the most doubtful first.

    The doubt is |logit(defect score) - logit(threshold)|, less 2 with a warning, less 1 if the
    pictures before and after it in its folder agree with each other and not with it. A picture
    without a capsule counts as one on the threshold with a warning. Names that end in numbers are
    counted in the order of the numbers.

    Args:
        records: All rows, in the order of predictions.csv.
        digests: SHA-256 of each picture's file by its path. Pictures without one are left out:
            nobody could tell later which picture was judged.
    """
    odd = frozenset(_odd_ones(records))
    items = []
    for path, rows in groupby(records, key=lambda record: record.path):
        own = tuple(rows)
        if own[0].status != "error" and digests.get(path):
            items += [_item(each, len(own), digests[path], path in odd) for each in own]
    return tuple(
        sorted(items, key=lambda item: (item.doubt, item.record.path, item.record.capsule or 0))
    )


def _item(record: Record, capsules: int, digest: str, is_odd: bool) -> ReviewItem:
    distance, reasons = 0.0, []
    if record.defect_score is not None and record.threshold is not None:
        distance = abs(_logit(record.defect_score) - _logit(record.threshold))
        if distance <= _NEAR:
            reasons.append("The score is near the threshold.")
    else:
        reasons.append("No capsule is found.")
    if is_odd:
        reasons.append("The pictures before and after it are judged otherwise.")
    if record.decision == "review":
        reasons.append("The model leaves it to a person.")
    is_warned = bool(record.warning) or record.status == "no_capsule"
    is_left = is_warned or record.decision == "review"
    doubt = distance - _WARNING * is_left - _NEIGHBOURS * is_odd
    return ReviewItem(record, capsules, digest, doubt, tuple(reasons))


def _logit(share: float) -> float:
    kept = min(max(share, _LEAST), 1 - _LEAST)
    return math.log(kept / (1 - kept))


def _odd_ones(records: Sequence[Record]) -> Iterator[str]:
    """Yields the paths of pictures whose neighbours agree with each other, but not with them."""
    is_defect: dict[str, bool | None] = {}
    for record in records:
        before = is_defect.get(record.path, False)
        known = record.status == "ok" and before is not None
        is_defect[record.path] = (before or record.label != GOOD) if known else None
    series: dict[str, list[str]] = {}
    for path in is_defect:
        series.setdefault(_split(path)[0], []).append(path)
    for paths in series.values():
        paths.sort(key=_by_number)
        for one, path, other in zip(paths, paths[1:], paths[2:], strict=False):
            own, sides = is_defect[path], {is_defect[one], is_defect[other]}
            if own is not None and sides == {not own}:
                yield path


def _split(path: str) -> tuple[str, str]:
    folder, _, name = path.replace("\\", "/").rpartition("/")
    return folder, name


def _by_number(path: str) -> list[tuple[int, str]]:
    """Returns a key that puts `9.png` before `10.png`."""
    parts = re.split(r"([0-9]+)", _split(path)[1])
    return [(int(part), "") if n % 2 else (0, part) for n, part in enumerate(parts)]


@dataclass(frozen=True)
class ReviewQueue:
    """A finished run, ready to be judged.

    Attributes:
        folder: Its folder.
        classes: The model's classes, `good` first.
        items: What there is to judge, the most doubtful first.
        left_out: The number of pictures that cannot be judged: they could not be read, or nobody
            knows what they were.
        max_pixels: Larger pictures were refused.
        bits: The bits of 16 that the camera uses; None for what each file says.
    """

    folder: ResultsFolder
    classes: tuple[str, ...]
    items: tuple[ReviewItem, ...]
    left_out: int
    max_pixels: int = MAX_PIXELS
    bits: int | None = None


def read_queue(path: Path) -> ReviewQueue:
    """Reads the folder of a finished run.

    Raises:
        UsageError: It is no results folder of `predict`, its run has not finished, or a file cannot
            be read.
        DataError: Its rows are damaged.
    """
    folder = ResultsFolder(path)
    if not folder.is_of_a_run():
        refuse_address(path)
        raise UsageError(
            f"'{path}' is no results folder of predict: it has no run.json of it. Name the folder "
            "that predict -o wrote."
        )
    run = folder.read_run()
    if DIGESTS not in run:
        raise UsageError(
            f"The run in '{path}' has not finished. To finish it, repeat its command with --resume."
        )
    classes, max_pixels, bits = run.get("classes"), run.get("max_pixels"), run.get("bits")
    if not (
        isinstance(classes, list)
        and all(isinstance(each, str) for each in classes)
        and isinstance(max_pixels, int)
        and (bits is None or isinstance(bits, int))
    ):
        raise UsageError(f"'{folder.run_file}' is damaged. Inspect the pictures again.")
    records = _last_of_each_path(read_records(folder.records))
    items = order_for_review(records, digests_by_path(folder))
    judged = {item.record.path for item in items}
    return ReviewQueue(
        folder=folder,
        classes=tuple(each for each in classes if each not in {UNSURE, ""}),
        items=items,
        left_out=len({record.path for record in records} - judged),
        max_pixels=max_pixels,
        bits=bits,
    )


def _last_of_each_path(records: Sequence[Record]) -> tuple[Record, ...]:
    """Leaves out pictures that others of their path replaced; `watch` inspects such files again."""
    by_path: dict[str, list[Record]] = {}
    for record in records:
        if not record.capsule:  # each picture begins with capsule 0, or none
            by_path.pop(record.path, None)
        by_path.setdefault(record.path, []).append(record)
    return tuple(chain.from_iterable(by_path.values()))


def digests_by_path(folder: ResultsFolder) -> dict[str, str]:
    """Returns the SHA-256 of each picture's file by its path; empty where nobody knows it.

    Raises:
        UsageError: The digests cannot be read.
    """
    try:
        chain = read_chain(folder.digests)
    except OSError as error:
        raise UsageError(f"'{folder.digests}' cannot be read: {error.strerror}.") from error
    return {each.path: each.picture_sha256 for each in (*chain.pictures, *chain.later)}
