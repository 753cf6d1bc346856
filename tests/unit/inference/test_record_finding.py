import numpy as np
import pytest

from capsule_inspect.imaging.capsule_box import CapsuleBox
from capsule_inspect.imaging.crop import crop_capsule
from capsule_inspect.imaging.look import Look
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import Decision
from capsule_inspect.inference.inspector import Finding
from capsule_inspect.inference.observation import Observation
from capsule_inspect.inference.record_finding import record_finding
from capsule_inspect.modelfile.outputs import Outputs


def finding(angle: float = 30.0, mask: np.ndarray | None = None) -> Finding:
    box = CapsuleBox(50.123456, 40.127, 60.126, 20.124, angle, 1000.0)
    probabilities = np.array([0.25, 0.5, 0.25])
    decision = Decision("crack", 0.5, 0.75, probabilities, mask)
    outputs = Outputs(np.log(probabilities).astype(np.float32), None)
    observation = Observation(Look(0, 0, 0, 60, 0))
    crop = crop_capsule(box, Roi())
    return Finding(crop, decision, outputs, observation, ("It is blurred.",))


def test_a_finding_becomes_a_row():
    mask = np.zeros((80, 100), bool)
    mask[10:15, 10:14] = True
    files = {"overlay": "o.png", "mask": "m.png"}
    record = record_finding("a.png", 2, finding(mask=mask), 0.4, **files)
    assert (record.path, record.status, record.error) == ("a.png", "ok", "")
    assert {name: getattr(record, name) for name in files} == files
    assert (record.capsule, record.label, record.threshold) == (2, "crack", 0.4)
    assert (record.confidence, record.defect_score) == (0.5, 0.75)
    assert record.probabilities == (0.25, 0.5, 0.25)
    assert (record.defect_area_px, record.defect_area_pct) == (20, 2.0)
    assert (record.x, record.y, record.width, record.height) == (50.12, 40.13, 60.13, 20.12)
    assert record.angle == 30.0


def test_without_a_mask_head_the_area_is_empty():
    record = record_finding("a.png", 0, finding(), 0.4)
    assert record.defect_area_px is None
    assert record.defect_area_pct is None


@pytest.mark.parametrize(
    ("angle", "written"),
    [(-179.999, "180.0"), (180.0, "180.0"), (-179.99, "-179.99"), (-0.001, "0.0")],
)
def test_rounded_angles_stay_in_range_and_zero_has_no_sign(angle, written):
    assert repr(record_finding("a.png", 0, finding(angle), 0.4).angle) == written


def test_what_is_odd_about_the_picture_comes_before_what_is_odd_about_the_capsule():
    record = record_finding("a.png", 0, finding(), 0.4, warnings=["There is no overlay."])
    assert record.warning == "There is no overlay. It is blurred."
