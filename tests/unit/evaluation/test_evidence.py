from pathlib import Path

import numpy as np
import pytest

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.errors import PictureError
from capsule_inspect.evaluation.evidence import MASK_THRESHOLDS, gather_evidence
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.modelfile.outputs import Outputs

CLASSES = ("good", "crack")
SHAPE = (16, 32)
P_DEFECT = 0.42


def inspector(mode: str = "whole", masks: bool = True) -> Inspector:
    """Says the same of every picture: a crack with odds of 3 to 1, each pixel defect with .42."""

    def run(window):
        pixel = np.log([1 - P_DEFECT, P_DEFECT]).astype(np.float32)
        logits = np.array([5.0, 5.0 + np.log(3)], np.float32)
        return Outputs(logits, np.broadcast_to(pixel, (*window.shape[:2], 2)) if masks else None)

    point = OperatingPoint(temperature=3.0, threshold=0.9, mask_threshold=0.9)
    return Inspector(run, CLASSES, Roi(mode, 32, 16, 32), point)


@pytest.fixture
def data(tmp_path: Path, save_picture) -> DataSet:
    """A crack whose left half is defect, and a good picture."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[:, :16] = 255
    save_picture(tmp_path / "mask.png", mask)
    for name in ("crack", "good"):
        save_picture(tmp_path / f"{name}.png", np.zeros((*SHAPE, 3), np.uint8))
    samples = tuple(
        Sample(f"{label}.png", label, mask, "val", None, "", SHAPE[1], SHAPE[0])
        for label, mask in (("crack", "mask.png"), ("good", ""))
    )
    return DataSet(tmp_path, CLASSES, samples, 0, "", "", "")


def test_a_network_is_heard_before_any_threshold_or_temperature(data):
    seen = []
    crack, good = gather_evidence(data, data.samples, inspector(), lambda: seen.append(1))
    assert len(seen) == 2
    assert (crack.truth, good.truth) == (1, 0)
    assert np.exp(crack.log_probabilities) == pytest.approx([0.25, 0.75])
    # All pixels are called up to their probability, half of them rightly: 2 x 1/2 / (1 + 1/2).
    expected = np.where(MASK_THRESHOLDS <= P_DEFECT, 2 / 3, 0)
    assert crack.dice == pytest.approx(expected, abs=0.03)
    assert good.dice is None  # every mask is as far from an empty one as any other


def test_without_a_mask_head_there_is_no_dice(data):
    crack, _ = gather_evidence(data, data.samples, inspector(masks=False))
    assert crack.dice is None


def test_a_picture_without_a_capsule_says_nothing(data):
    seen = []
    assert gather_evidence(data, data.samples, inspector("capsule"), lambda: seen.append(1)) == ()
    assert len(seen) == 2


def test_a_missing_picture_is_named(data):
    (data.root / "good.png").unlink()
    with pytest.raises(PictureError, match=r"good\.png"):
        gather_evidence(data, data.samples, inspector())
