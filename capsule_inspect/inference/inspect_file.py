"""One picture file → its rows, overlay and mask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.classes import GOOD
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.draw_overlay import draw_overlay
from capsule_inspect.imaging.encode import PictureFormat, encode_mask, encode_picture
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.pixel_limit import MAX_PIXELS
from capsule_inspect.imaging.read_picture import load_picture
from capsule_inspect.inference.annotate import annotate
from capsule_inspect.inference.drift import Observed
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.inspector import Finding, Inspector
from capsule_inspect.inference.records import Record, record_finding
from capsule_inspect.printable import printable

Overlays: TypeAlias = Literal["all", "defects", "none"]
"""Which pictures get an overlay; `defects` are those with a defective capsule, or with none."""

WriteFile = Callable[[str, bytes], None]
"""Writes content under a name relative to the results folder."""


@dataclass(frozen=True)
class Wanted:
    """What to make of a picture beside its rows.

    Attributes:
        overlays: Which pictures get their findings drawn in.
        overlay_format: What they are written as.
        masks: A mask for each, 0 for background and the class index for a defect.
        max_pixels: Larger pictures are refused before they are decoded.
    """

    overlays: Overlays = "all"
    overlay_format: PictureFormat = "png"
    masks: bool = False
    max_pixels: int = MAX_PIXELS


ALL_OVERLAYS = Wanted()


@dataclass(frozen=True)
class Inspected:
    """What came of a picture file.

    Attributes:
        records: A row per capsule, or the one row of a file that gave none.
        observed: What each capsule's picture was like.
    """

    records: tuple[Record, ...]
    observed: tuple[Observed, ...] = ()


def inspect_file(
    inspector: Inspector, source: InputPicture, wanted: Wanted, write: WriteFile
) -> Inspected:
    """Inspects a picture file; one that cannot be read becomes a row that says why.

    Args:
        inspector: Judges the picture.
        source: The file.
        wanted: What to make beside the rows.
        write: Called for overlay and mask.

    """
    path = printable(str(source.path))
    try:
        loaded = load_picture(source.path, wanted.max_pixels)
    except PictureError as error:
        return Inspected((Record(path, "error", error=printable(str(error))),))
    picture, warnings = loaded.pixels, list(loaded.notes)
    findings = inspector.inspect(picture)
    overlay = mask = ""
    if _deserves_overlay(findings, wanted.overlays):
        try:
            drawn = _draw(picture, findings, wanted.overlay_format)
        except PictureError as error:
            warnings.append(f"There is no overlay: {error}")
        else:
            overlay = f"overlays/{source.name}.{wanted.overlay_format}"
            write(overlay, drawn)
    if wanted.masks and any(finding.decision.mask is None for finding in findings):
        warnings.append("There is no mask: the model does not tell where a defect is.")
    elif wanted.masks:
        mask = f"masks/{source.name}.png"
        write(mask, encode_mask(_mask(findings, picture, inspector.classes)))
    if not findings:
        warning = " ".join(warnings)
        return Inspected((Record(path, "no_capsule", overlay=overlay, mask=mask, warning=warning),))
    threshold = inspector.point.threshold
    records = (
        record_finding(
            path, capsule, finding, threshold, overlay, mask, " ".join([*warnings, *finding.doubts])
        )
        for capsule, finding in enumerate(findings)
    )
    observed = (Observed(finding.look, finding.ood_score) for finding in findings)
    return Inspected(tuple(records), tuple(observed))


def _deserves_overlay(findings: Sequence[Finding], overlays: Overlays) -> bool:
    all_good = bool(findings) and all(finding.decision.label == GOOD for finding in findings)
    return overlays == "all" or (overlays == "defects" and not all_good)


def _draw(picture: Picture, findings: Sequence[Finding], picture_format: PictureFormat) -> bytes:
    drawn = draw_overlay(picture, [annotate(finding) for finding in findings])
    return encode_picture(drawn, picture_format)


def _mask(
    findings: Sequence[Finding], picture: Picture, classes: tuple[str, ...]
) -> NDArray[np.uint8]:
    """Returns the classes of a picture's pixels, [H, W]."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    for finding in findings:
        if finding.decision.mask is not None:
            mask[finding.decision.mask] = classes.index(finding.decision.label)
    return mask
