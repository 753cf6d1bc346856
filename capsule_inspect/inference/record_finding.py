"""A finding → its row."""

from collections.abc import Sequence

from capsule_inspect.inference.inspector import Finding
from capsule_inspect.inference.record import Record


def record_finding(
    path: str,
    capsule: int,
    finding: Finding,
    threshold: float,
    overlay: str = "",
    mask: str = "",
    warnings: Sequence[str] = (),
) -> Record:
    """Makes the row of one capsule.

    Scores keep every digit, so that a reader who compares them with the threshold gets the label;
    lengths and the angle are rounded to hundredths, the share of area to ten-thousandths.

    Args:
        path: The file as found, spelled by `printable`.
        capsule: Which capsule of its picture, from 0.
        finding: What was found and decided.
        threshold: What its defect score was compared with.
        overlay: The overlay's file, relative to the results folder; empty without one.
        mask: The mask's file, likewise.
        warnings: Sentences about the picture; those about the capsule follow them.
    """
    decision, box = finding.decision, finding.crop.box
    area = decision.defect_area
    angle = round(box.angle, 2) + 0.0  # no -0.0
    return Record(
        path=path,
        status="ok",
        capsule=capsule,
        label=decision.label,
        confidence=decision.confidence,
        defect_score=decision.defect_score,
        threshold=threshold,
        probabilities=tuple(float(value) for value in decision.probabilities),
        defect_area_px=area,
        defect_area_pct=None if area is None else round(100 * area / box.area, 4),
        x=round(box.x, 2),
        y=round(box.y, 2),
        width=round(box.length, 2),
        height=round(box.width, 2),
        angle=180.0 if angle == -180.0 else angle,  # rounding must not leave (-180, 180]
        overlay=overlay,
        mask=mask,
        warning=" ".join([*warnings, *finding.warnings]),
    )
