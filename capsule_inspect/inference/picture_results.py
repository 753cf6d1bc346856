"""The results of one picture, as a results folder holds them: rows, digests and a line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from capsule_inspect.inference.annotations.regions import AnnotatedPicture
from capsule_inspect.inference.digests import PictureDigests, sha256
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.inspect_picture import (
    InspectedPicture,
    InspectOptions,
    inspect_input,
)
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.records import rows_as_csv


@dataclass(frozen=True)
class PictureResults:
    """All that a results folder holds of one picture.

    Attributes:
        inspected: Its rows, and its overlay and mask until they are written.
        digests: Its line of digests.csv.
        line: Its line of annotations.
    """

    inspected: InspectedPicture
    digests: PictureDigests
    line: bytes

    def without_pictures(self) -> "PictureResults":
        """Returns them without what takes much memory."""
        return replace(self, inspected=self.inspected.without_pictures())


def inspect_one(
    inspector: Inspector, source: InputPicture, options: InspectOptions
) -> PictureResults:
    """Reads and inspects a picture.

    Args:
        inspector: Judges the picture.
        source: The input. One that cannot be read gives a row that says why.
        options: What to make besides the rows.
    """
    inspected = inspect_input(inspector, source, options)
    return PictureResults(inspected, digest_picture(inspected, inspector.classes), _line(inspected))


def digest_picture(inspected: InspectedPicture, classes: Sequence[str]) -> PictureDigests:
    """Returns the digests of a picture and of its results.

    Args:
        inspected: The picture, with overlay and mask.
        classes: Class names in the model's order.
    """
    first = inspected.records[0]
    return PictureDigests(
        path=first.path,
        picture_sha256=inspected.sha256,
        rows_sha256=sha256(rows_as_csv(inspected.records, classes)),
        overlay=first.overlay,
        overlay_sha256="" if inspected.overlay is None else sha256(inspected.overlay),
        mask=first.mask,
        mask_sha256="" if inspected.mask is None else sha256(inspected.mask),
    )


def _line(inspected: InspectedPicture) -> bytes:
    """Returns the line of annotations; that of a picture that could not be read has none."""
    return (inspected.annotated or AnnotatedPicture(inspected.records[0].path)).to_line()
