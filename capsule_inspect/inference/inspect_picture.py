"""Inspect one picture: its rows, its overlay and its mask.

Everything that inspects pictures goes through here: a batch, a service, a worker elsewhere. No
results folder is needed, and nothing is written.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.checks import require_bits, require_choice
from capsule_inspect.choices import (
    DEFAULT_OVERLAY_FORMAT,
    DEFAULT_OVERLAYS,
    PICTURE_FORMATS,
    AnnotationFormat,
    OverlayChoice,
    PictureFormat,
)
from capsule_inspect.errors import PictureError, UsageError
from capsule_inspect.imaging.encode import encode_mask, encode_picture
from capsule_inspect.imaging.overlay import draw_overlay
from capsule_inspect.imaging.picture import MAX_PIXELS, Picture, name_file
from capsule_inspect.imaging.read import decode_picture
from capsule_inspect.inference.annotations.regions import AnnotatedPicture, annotate_findings
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.inspector import Finding, Inspector
from capsule_inspect.inference.outcome import decide_outcome
from capsule_inspect.inference.records import Record, record_finding
from capsule_inspect.inference.results_folder import ResultsFolder
from capsule_inspect.inference.warnings import Observation
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.text import printable


@dataclass(frozen=True)
class InspectOptions:
    """Which pictures to read, and what to make of each besides its rows.

    Attributes:
        overlays: Which pictures get an overlay.
        overlay_format: The format of overlays.
        masks: Whether to make a mask of each picture: 0 for background, the class index for a
            defect.
        max_pixels: Larger pictures are refused before they are decoded.
        bits: The bits of 16 that the camera uses, from 9 to 16; None for what each file says, or
            16.
        annotations: The format of annotations for another tool; None for none.
    """

    overlays: OverlayChoice = DEFAULT_OVERLAYS
    overlay_format: PictureFormat = DEFAULT_OVERLAY_FORMAT
    masks: bool = False
    max_pixels: int = MAX_PIXELS
    bits: int | None = None
    annotations: AnnotationFormat | None = None

    def __post_init__(self) -> None:
        """Raises UsageError if a format, the overlays or the bits are none that there are."""
        require_bits("bits", self.bits, UsageError)
        require_choice("overlays", self.overlays, get_args(OverlayChoice), UsageError)
        require_choice("overlay_format", self.overlay_format, PICTURE_FORMATS, UsageError)
        if self.annotations is not None:
            require_choice("annotations", self.annotations, get_args(AnnotationFormat), UsageError)


@dataclass(frozen=True)
class InspectedPicture:
    """The results of one picture.

    Attributes:
        records: A row per capsule, or one row for a picture that gave none. They name overlay and
            mask as a results folder does.
        observations: What each capsule looks like, for drift.
        overlay: The content of the overlay's file; None if there is none.
        mask: The content of the mask's file; None if there is none.
        findings: The findings, one per capsule.
        sha256: SHA-256 of the picture's file; empty if it was not read, or not asked for.
        annotated: The defects as annotations; None if the picture was not read, or they were not
            asked for.
    """

    records: tuple[Record, ...]
    observations: tuple[Observation, ...] = ()
    overlay: bytes | None = None
    mask: bytes | None = None
    findings: tuple[Finding, ...] = field(default=(), compare=False, repr=False)
    sha256: str = field(default="", compare=False)
    annotated: AnnotatedPicture | None = None

    def without_pictures(self) -> "InspectedPicture":
        """Returns it without what takes much memory."""
        return replace(self, findings=(), overlay=None, mask=None, annotated=None)

    @property
    def files(self) -> dict[str, bytes]:
        """The overlay and the mask by the names that the rows give them."""
        named = ((self.records[0].overlay, self.overlay), (self.records[0].mask, self.mask))
        return {name: data for name, data in named if data is not None}


def inspect_input(
    inspector: Inspector, source: InputPicture, options: InspectOptions
) -> InspectedPicture:
    """Reads an input and inspects it, as `inspect_picture` does.

    Args:
        inspector: Judges the picture.
        source: The input. One that cannot be read gives a row that says why.
        options: What to make besides the rows.
    """
    try:
        data = source.read(options.max_pixels)
    except PictureError as error:
        return _unreadable(source.path, error, inspector.point)
    inspected = inspect_picture(inspector, source.name, data, options, source.path)
    return replace(inspected, sha256=hashlib.sha256(data).hexdigest())


def inspect_picture(
    inspector: Inspector,
    name: str,
    data: bytes,
    options: InspectOptions,
    path: str | None = None,
) -> InspectedPicture:
    """Inspects the bytes of a picture file; the same bytes always give the same results.

    Args:
        inspector: Judges the picture.
        name: The name of its results, made by `safe_name`.
        data: The whole file. One that is no picture gives a row that says why.
        options: What to make besides the rows.
        path: What the column `path` says; the name if not given.
    """
    path = name if path is None else path
    try:
        loaded = decode_picture(data, name_file(path), options.max_pixels, options.bits)
    except PictureError as error:
        return _unreadable(path, error, inspector.point)
    findings = inspector.inspect(loaded.pixels)
    warnings = list(loaded.warnings)
    overlay = mask = None
    if _deserves_overlay(findings, options.overlays):
        overlay = _try_overlay(loaded.pixels, findings, options.overlay_format, warnings)
    if options.masks:
        mask = _try_mask(loaded.pixels, findings, inspector.classes, warnings)
    names = (
        ResultsFolder.overlay_name(name, options.overlay_format) if overlay else "",
        ResultsFolder.mask_name(name) if mask else "",
    )
    point = inspector.point
    records = tuple(
        record_finding(
            path,
            capsule,
            finding,
            point.threshold,
            *names,
            warnings,
            decide_outcome(
                finding.decision.defect_score,
                point,
                # That there is no overlay questions nothing.
                is_doubtful=bool(loaded.warnings or finding.warnings),
            ),
        )
        for capsule, finding in enumerate(findings)
    )
    if not records:
        overlay_name, mask_name = names
        records = (
            Record(
                path,
                "no_capsule",
                overlay=overlay_name,
                mask=mask_name,
                warning=" ".join(warnings),
                decision="review" if point.review else "reject",
            ),
        )
    observations = tuple(finding.observation for finding in findings)
    annotated = None
    if options.annotations is not None:
        height, width = loaded.pixels.shape[:2]
        annotated = annotate_findings(path, name, (height, width), findings)
    return InspectedPicture(records, observations, overlay, mask, findings, annotated=annotated)


def _unreadable(path: str, error: PictureError, point: OperatingPoint) -> InspectedPicture:
    decision: Literal["review", ""] = "review" if point.review else ""
    record = Record(path, "error", error=printable(str(error)), decision=decision)
    return InspectedPicture((record,))


def _deserves_overlay(findings: Sequence[Finding], overlays: OverlayChoice) -> bool:
    all_good = bool(findings) and not any(finding.is_defect for finding in findings)
    return overlays == "all" or (overlays == "defects" and not all_good)


def _try_overlay(
    picture: Picture, findings: Sequence[Finding], extension: PictureFormat, warnings: list[str]
) -> bytes | None:
    """Returns the overlay; adds a warning where the picture is too large for the format."""
    try:
        return encode_picture(draw_overlay(picture, findings), extension)
    except PictureError as error:
        warnings.append(f"There is no overlay: {error}")
        return None


def _try_mask(
    picture: Picture, findings: Sequence[Finding], classes: tuple[str, ...], warnings: list[str]
) -> bytes | None:
    """Returns the mask; adds a warning where the model makes none, or it is too large for a PNG."""
    if any(finding.decision.region is None for finding in findings):
        warnings.append("There is no mask: the model does not tell where a defect is.")
        return None
    try:
        return encode_mask(_draw_mask(picture, findings, classes))
    except PictureError as error:
        warnings.append(f"There is no mask: {error}")
        return None


def _draw_mask(
    picture: Picture, findings: Sequence[Finding], classes: tuple[str, ...]
) -> NDArray[np.uint8]:
    """Returns the class index of each pixel, uint8 [H, W]."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    for finding in findings:
        inside = finding.mask
        if inside is not None:
            mask[inside] = classes.index(finding.label)
    return mask
