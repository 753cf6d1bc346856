import numpy as np
import pytest

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.exporting.parity import compare
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs

ROI = Roi("capsule", 96, 64, 86)


def inspector(data, logits, mask_shift=0.0):
    """A network that says the same of every window, and marks the right half as defect."""

    def run(window):
        del window
        masks = np.zeros((16, 24, len(data.classes)), np.float32)
        masks[:, 12:, 1] = 4 + mask_shift
        return Outputs(np.array(logits, np.float32), masks)

    return Inspector(run, data.classes, ROI, OperatingPoint(mask_threshold=0.6))


@pytest.fixture(scope="module")
def data(dataset_folder):
    return read_dataset(dataset_folder)


def test_a_model_agrees_with_itself(data):
    same = inspector(data, [0, 3, 0, 0, 0, 0])
    seen = []
    parity = compare(data, data.samples, same, same, lambda: seen.append(1))
    assert len(seen) == parity.pictures == len(data.samples)
    assert parity.agreement == 1
    assert parity.dice_drop == 0
    assert [(gap.name, gap.mean, gap.largest) for gap in parity.gaps] == [
        ("logits", 0, 0),
        ("mask_logits", 0, 0),
    ]


def test_differences_are_measured_over_all_outputs(data):
    one = inspector(data, [0, 3, 0, 0, 0, 0])
    other = inspector(data, [0, 3, 0, 0, 0, 0.6], mask_shift=-0.5)
    parity = compare(data, data.samples[:2], one, other)
    logits, masks = parity.gaps
    assert (logits.mean, logits.largest) == pytest.approx((0.1, 0.6))
    # Half of the pixels, one class of six, differ by a half.
    assert (masks.mean, masks.largest) == pytest.approx((0.5 / 12, 0.5))


def test_labels_and_dice_that_change_are_noticed(data):
    defects = [sample for sample in data.samples if sample.mask][:4]
    goods = [sample for sample in data.samples if sample.label == "good"][:1]
    finds, misses = inspector(data, [0, 3, 0, 0, 0, 0]), inspector(data, [5, 0, 0, 0, 0, 0])
    parity = compare(data, [*defects, *goods], finds, misses)
    assert parity.agreement == 0
    assert parity.dice_after == 0
    assert parity.dice_drop == parity.dice_before > 0
    assert [each.label for each in parity.after] == ["good"] * 5


def test_without_masks_dice_has_nothing_to_fall(data):
    goods = [sample for sample in data.samples if sample.label == "good"][:2]
    one = inspector(data, [5, 0, 0, 0, 0, 0])
    parity = compare(data, goods, one, one)
    assert parity.dice_before is None
    assert parity.dice_drop == 0
