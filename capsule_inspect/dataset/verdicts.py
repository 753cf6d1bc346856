"""What people said of whole pictures: one label for each, from the judgements of its capsules."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.choices import GOOD
from capsule_inspect.dataset.pixel_hash import hash_picture
from capsule_inspect.dataset.problems import Problem
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.picture import MAX_PIXELS, name_file, read_picture_file
from capsule_inspect.imaging.read import decode_picture
from capsule_inspect.inference.corrections import UNSURE, Correction, Judgements
from capsule_inspect.inference.digests import sha256
from capsule_inspect.inference.records import file_of
from capsule_inspect.reporter import Advance
from capsule_inspect.text import on_one_line, printable, suggest


@dataclass(frozen=True)
class Verdict:
    """A picture and the label that it gets.

    Attributes:
        decided_by: The judgement that decides: that of the worst capsule.
        file: The picture's file.
        data: Its content.
        sha256: Hash of its pixels.
        width: In pixels.
        height: In pixels.
    """

    decided_by: Correction
    file: Path
    data: bytes
    sha256: str
    width: int
    height: int

    @property
    def label(self) -> str:
        """The label of the picture."""
        return self.decided_by.label


def read_verdicts(
    corrections: Iterable[Correction],
    classes: Sequence[str],
    bits: int | None,
    advance: Advance,
) -> tuple[tuple[Verdict, ...], tuple[Problem, ...]]:
    """Finds the label of each judged picture, and reads the picture.

    A picture has the label of its worst capsule: the defect with the highest score; `good` if all
    are good.

    Args:
        corrections: The log of judgements.
        classes: The classes of the data set.
        bits: The bits of 16 that the camera uses; see `decode_picture`.
        advance: Called for each picture.

    Returns:
        A verdict for each distinct picture, in the order of the log: of copies the last one. And
        the problems: fatal are pictures that cannot be read or have changed, and unknown classes.
    """
    problems: list[Problem] = []
    verdicts: dict[str, Verdict] = {}
    for judged in _by_picture(corrections):
        advance()
        deciding = _decide(judged, classes, problems)
        verdict = deciding and _read(deciding, bits, problems)
        if not verdict:
            continue
        copy = verdicts.pop(verdict.sha256, None)
        if copy is not None and copy.label != verdict.label:
            message = (
                f"It is the same picture as {_name(copy.decided_by)}, which was judged "
                f"{copy.label}. The later judgement counts: {verdict.label}."
            )
            problems.append(Problem(_name(verdict.decided_by), message, fatal=False))
        verdicts[verdict.sha256] = verdict
    return tuple(verdicts.values()), tuple(problems)


def _by_picture(corrections: Iterable[Correction]) -> Iterator[list[Correction]]:
    """Yields the judgements that count, by picture; of a file that has changed, the last ones."""
    by_path: dict[str, list[Correction]] = {}
    for each in Judgements(corrections).standing():
        judged = by_path.pop(each.path, [])  # the last judged picture comes last
        kept = [other for other in judged if other.picture_sha256 == each.picture_sha256]
        by_path[each.path] = [*kept, each]
    yield from by_path.values()


def _decide(
    judged: Sequence[Correction], classes: Sequence[str], problems: list[Problem]
) -> Correction | None:
    last = judged[-1]
    unknown = next((each for each in judged if each.label not in {*classes, UNSURE}), None)
    if unknown is not None:
        label = on_one_line(unknown.label)
        message = (
            f"'{label}' is no class of the data set.{suggest(label, classes)} It can be "
            f"{', '.join(classes)} or {UNSURE}."
        )
        problems.append(Problem(_name(last), message, fatal=True))
        return None
    if any(each.label == UNSURE for each in judged):
        message = "It is judged unsure, so it is left out."
        problems.append(Problem(_name(last), message, fatal=False))
        return None
    if len(judged) < last.capsules:
        message = "Not all of its capsules are judged, so it is left out."
        problems.append(Problem(_name(last), message, fatal=False))
        return None
    defects = [each for each in judged if each.label != GOOD]
    return max(defects, key=lambda each: each.defect_score or 0.0) if defects else last


def _read(deciding: Correction, bits: int | None, problems: list[Problem]) -> Verdict | None:
    file = file_of(deciding.path)
    try:
        data = read_picture_file(file, MAX_PIXELS)
        if sha256(data) != deciding.picture_sha256:
            raise PictureError("It is another picture now than the one that was judged.")
        pixels = decode_picture(data, name_file(file), bits=bits).pixels
    except PictureError as error:
        reason = printable(str(error)).replace(printable(name_file(file)), "The file", 1)
        where = "" if file.is_absolute() else " Relative paths begin in the working directory."
        problems.append(
            Problem(_name(deciding), on_one_line(reason) + where * (not file.exists()), fatal=True)
        )
        return None
    height, width, _ = pixels.shape
    return Verdict(deciding, file, data, hash_picture(pixels), width, height)


def _name(correction: Correction) -> str:
    return on_one_line(correction.path)
