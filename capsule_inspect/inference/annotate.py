"""What was found, as the overlay draws it."""

from capsule_inspect.imaging.annotation import Annotation
from capsule_inspect.inference.inspector import Finding


def annotate(finding: Finding) -> Annotation:
    """Returns what to draw for a finding."""
    decision = finding.decision
    return Annotation(
        finding.crop.box, decision.label, decision.confidence, decision.is_defect, decision.mask
    )
