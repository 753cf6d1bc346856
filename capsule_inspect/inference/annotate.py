"""What was found, as the overlay draws it."""

from capsule_inspect.classes import GOOD
from capsule_inspect.imaging.annotation import Annotation
from capsule_inspect.inference.inspector import Finding


def annotate(finding: Finding) -> Annotation:
    """Returns what to draw for a finding."""
    decision = finding.decision
    is_defect = decision.label != GOOD
    return Annotation(
        finding.crop.box, decision.label, decision.confidence, is_defect, decision.mask
    )
