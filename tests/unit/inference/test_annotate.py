import numpy as np
import pytest

from capsule_inspect.imaging.annotation import Annotation
from capsule_inspect.imaging.capsule_box import CapsuleBox
from capsule_inspect.imaging.crop import crop_capsule
from capsule_inspect.imaging.look import Look
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.annotate import annotate
from capsule_inspect.inference.decide import Decision
from capsule_inspect.inference.inspector import Finding
from capsule_inspect.inference.observation import Observation
from capsule_inspect.modelfile.outputs import Outputs


@pytest.mark.parametrize(("label", "is_defect"), [("good", False), ("crack", True)])
def test_a_finding_is_drawn_with_its_label_the_labels_probability_and_its_mask(label, is_defect):
    box, mask = CapsuleBox(50, 40, 60, 20, 0, 1000), np.zeros((80, 100), bool)
    decision = Decision(label, 0.6, 0.4, np.array([0.6, 0.4]), mask)
    outputs = Outputs(np.zeros(2, np.float32), None)
    finding = Finding(
        crop_capsule(box, Roi()), decision, outputs, Observation(Look(0, 0, 0, 60, 0))
    )
    assert annotate(finding) == Annotation(box, label, 0.6, is_defect, mask)
