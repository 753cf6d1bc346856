"""The answers of `/v1/inspect`: which form a client wants, and how each is written."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal, TypeAlias

from capsule_inspect.choices import PictureFormat
from capsule_inspect.imaging.rle import RunLengths
from capsule_inspect.inference.inspect_picture import InspectedPicture
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.records import Record, csv_line, record_columns
from capsule_inspect.serving.problems import ProblemError
from capsule_inspect.text import printable

MaskForm: TypeAlias = Literal["none", "png", "rle"]
"""How masks come: not at all, as a PNG a picture, or as run lengths a capsule."""

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
PICTURES: Final[Mapping[str, PictureFormat]] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
}
"""The overlay formats by media type."""

MEDIA_TYPES: Final = (JSON, NDJSON, CSV, *PICTURES)
"""What a client can ask for; the first where it does not mind."""


def choose_media_type(accept: str) -> str:
    """Chooses the form of the answer, as RFC 9110 ranks what a client accepts.

    Args:
        accept: The header Accept; empty for anything.

    Raises:
        ProblemError: 406, there is no such form.

    Example:
        >>> choose_media_type("text/csv;q=.5, image/*;q=.8")
        'image/png'
    """
    ranges = [_parse_range(each) for each in accept.split(",") if each.strip()] or [("*/*", 1.0)]
    best, chosen = 0.0, ""
    for media_type in MEDIA_TYPES:
        matching = [each for each in ranges if _matches(each[0], media_type)]
        # The most specific range counts, whatever the others say.
        quality = max(matching, key=lambda each: len(each[0].rstrip("*")))[1] if matching else 0.0
        if quality > best:
            best, chosen = quality, media_type
    if not chosen:
        raise ProblemError(
            406, f"There is no answer in '{printable(accept)}'. Accept {', '.join(MEDIA_TYPES)}."
        )
    return chosen


def _parse_range(text: str) -> tuple[str, float]:
    media_type, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return media_type, float(quality)
    except ValueError:
        return media_type, 0.0


def _matches(media_range: str, media_type: str) -> bool:
    if media_range.endswith("/*"):
        return media_range == "*/*" or media_type.startswith(media_range[:-1])
    return media_range == media_type


_BYTES_PER_RUN: Final = 32
"""About what a run length takes, as a number and as text."""


@dataclass(frozen=True)
class Answered:
    """What an answer needs of a picture.

    Attributes:
        inspected: The results; without findings.
        runs: The mask of each row as run lengths, None where there is none; empty if not wanted.
        waited: Seconds the picture waited for a thread.
        took: Seconds it was in work.
    """

    inspected: InspectedPicture
    runs: tuple[RunLengths | None, ...] = ()
    waited: float = 0.0
    took: float = 0.0

    @property
    def records(self) -> tuple[Record, ...]:
        """The rows."""
        return self.inspected.records

    @property
    def size(self) -> int:
        """About how many bytes its overlay and masks take."""
        runs = sum(len(run.counts) for run in self.runs if run is not None)
        return sum(map(len, self.inspected.files.values())) + _BYTES_PER_RUN * runs


def require_readable(answers: Sequence[Answered]) -> None:
    """Refuses a request whose only picture cannot be read.

    Raises:
        ProblemError: 422, with the sentence of the row.
    """
    if len(answers) == 1 and answers[0].records[0].status == "error":
        raise ProblemError(422, answers[0].records[0].error)


def as_json(answers: Sequence[Answered], inspector: Inspector, with_runs: bool) -> bytes:
    """Returns the answer as one JSON object: the rows, what they name, and the decision's terms.

    Args:
        answers: The pictures, in order.
        inspector: The inspector that judged them.
        with_runs: Whether to give each row's mask as run lengths.
    """
    rows = (record.to_json(inspector.classes) for each in answers for record in each.records)
    members = {
        "model": json.dumps(inspector.model_sha256),
        "threshold": json.dumps(inspector.point.threshold),
        "rows": f"[{', '.join(rows)}]",
    }
    files = {name: data for each in answers for name, data in each.inspected.files.items()}
    if files:
        coded = {name: b64encode(data).decode() for name, data in files.items()}
        members["files"] = json.dumps(coded)
    if with_runs:
        members["masks"] = json.dumps([_runs(run) for each in answers for run in each.runs])
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in members.items()) + "}").encode()


def _runs(runs: RunLengths | None) -> Mapping[str, object] | None:
    return None if runs is None else asdict(runs)


def as_ndjson(answer: Answered, inspector: Inspector) -> bytes:
    """Returns the rows of a picture as lines of JSON, as `predict --json` prints them."""
    lines = (f"{record.to_json(inspector.classes)}\n" for record in answer.records)
    return "".join(lines).encode()


def as_csv(answers: Sequence[Answered], inspector: Inspector) -> bytes:
    """Returns the rows as `predictions.csv` holds them, the line of columns first."""
    return b"".join(_csv_lines(answers, inspector))


def _csv_lines(answers: Sequence[Answered], inspector: Inspector) -> Iterator[bytes]:
    yield csv_line(record_columns(inspector.classes))
    for each in answers:
        for record in each.records:
            yield record.to_csv(inspector.classes)
