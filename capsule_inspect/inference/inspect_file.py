"""Inspect one file: its rows, its overlay and its mask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import OverlayChoice, PictureFormat
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.encode import encode_mask, encode_picture
from capsule_inspect.imaging.overlay import draw_overlay
from capsule_inspect.imaging.picture import MAX_PIXELS, Picture
from capsule_inspect.imaging.read import load_picture
from capsule_inspect.inference.decide import Observation
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.inspector import Finding, Inspector, annotate
from capsule_inspect.inference.records import Record, record_finding
from capsule_inspect.inference.results_folder import ResultsFolder
from capsule_inspect.text import printable


@dataclass(frozen=True)
class InspectOptions:
    """Which pictures to read, and what to make of them beside their rows.

    Attributes:
        overlays: Which pictures get their findings drawn in.
        overlay_format: What they are written as.
        masks: A mask for each, 0 for background and the class index for a defect.
        max_pixels: Larger pictures are refused before they are decoded.
    """

    overlays: OverlayChoice = "all"
    overlay_format: PictureFormat = "png"
    masks: bool = False
    max_pixels: int = MAX_PIXELS


WriteFile = Callable[[str, bytes], None]
"""Writes content under a name relative to the results folder."""


@dataclass(frozen=True)
class InspectedFile:
    """What came of a picture file.

    Attributes:
        records: A row per capsule, or the one row of a file that gave none.
        observations: What each capsule's picture is like.
    """

    records: tuple[Record, ...]
    observations: tuple[Observation, ...] = ()


def inspect_file(
    inspector: Inspector, source: InputPicture, options: InspectOptions, write: WriteFile
) -> InspectedFile:
    """Inspects a picture file; one that cannot be read becomes a row that says why.

    Args:
        inspector: Judges the picture.
        source: The file.
        options: What to make beside the rows.
        write: Called for overlay and mask.

    Returns:
        Its rows, which name overlay and mask if they were made, and what its capsules look like.
    """
    path = printable(str(source.path))
    try:
        loaded = load_picture(source.path, options.max_pixels)
    except PictureError as error:
        return InspectedFile((Record(path, "error", error=printable(str(error))),))
    picture, warnings = loaded.pixels, list(loaded.warnings)
    findings = inspector.inspect(picture)
    overlay = mask = ""
    if _deserves_overlay(findings, options.overlays):
        try:
            drawn = _draw(picture, findings, options.overlay_format)
        except PictureError as error:
            warnings.append(f"There is no overlay: {error}")
        else:
            overlay = ResultsFolder.overlay_name(source.name, options.overlay_format)
            write(overlay, drawn)
    if options.masks and any(finding.decision.mask is None for finding in findings):
        warnings.append("There is no mask: the model does not tell where a defect is.")
    elif options.masks:
        mask = ResultsFolder.mask_name(source.name)
        write(mask, encode_mask(_mask(findings, picture, inspector.classes)))
    if not findings:
        warning = " ".join(warnings)
        record = Record(path, "no_capsule", overlay=overlay, mask=mask, warning=warning)
        return InspectedFile((record,))
    threshold = inspector.point.threshold
    records = (
        record_finding(path, capsule, finding, threshold, overlay, mask, warnings)
        for capsule, finding in enumerate(findings)
    )
    return InspectedFile(tuple(records), tuple(finding.observation for finding in findings))


def _deserves_overlay(findings: Sequence[Finding], overlays: OverlayChoice) -> bool:
    all_good = bool(findings) and not any(finding.decision.is_defect for finding in findings)
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
