from dataclasses import replace

import cv2
import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.errors import ModelFileError, PictureError, UsageError
from capsule_inspect.imaging.annotation import Annotation
from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.imaging.crop import crop_capsule
from capsule_inspect.imaging.encode import encode_picture
from capsule_inspect.imaging.find_capsules import CapsuleBox
from capsule_inspect.imaging.overlay import draw_overlay
from capsule_inspect.imaging.region import Region
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference import inspector as module
from capsule_inspect.inference.decide import Decision
from capsule_inspect.inference.inspector import Finding, Inspector, load
from capsule_inspect.inference.warnings import Observation
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.metadata import (
    RANGE_NAMES,
    OperatingPoint,
    Range,
    TrainingStatistics,
)
from capsule_inspect.modelfile.runtime import Outputs

CLASSES = ("good", "crack")


class Network:
    """Says good of the first window it sees, crack of all others, and remembers them."""

    def __init__(self):
        self.windows = []

    def __call__(self, window):
        self.windows.append(window)
        logits = (4, 0) if len(self.windows) == 1 else (0, 4)
        return Outputs(np.array(logits, np.float32), None)


def inspector(network: Network, roi: Roi) -> Inspector:
    return Inspector(network, CLASSES, roi, OperatingPoint())


def test_every_capsule_is_judged_in_reading_order():
    top, bottom = (draw_capsule("good", seed, 400).picture for seed in (3, 4))
    network = Network()
    findings = inspector(network, CAPSULE_ROI).inspect(np.vstack([top, bottom]))
    assert [finding.decision.label for finding in findings] == ["good", "crack"]
    # The outputs that a decision was made from come with it.
    assert [tuple(finding.outputs.logits) for finding in findings] == [(4, 0), (0, 4)]
    assert findings[0].crop.box.y < 400 < findings[1].crop.box.y
    assert [window.shape for window in network.windows] == [(192, 480, 3)] * 2
    assert all(window.dtype == np.uint8 for window in network.windows)


def test_an_empty_picture_has_no_findings_and_costs_no_network():
    network = Network()
    assert inspector(network, CAPSULE_ROI).inspect(np.full((400, 400, 3), 200, np.uint8)) == ()
    assert not network.windows


def test_the_whole_picture_can_be_the_window():
    network = Network()
    picture = np.full((20, 60, 3), (10, 20, 30), np.uint8)
    findings = inspector(network, Roi("whole", 48, 16, 42)).inspect(picture)
    assert len(findings) == 1
    assert (network.windows[0] == (10, 20, 30)).all()


def test_a_mask_is_of_the_size_of_its_picture():
    mask_logits = np.zeros((8, 24, 2), np.float32)
    outputs = Outputs(np.array([0, 4], np.float32), mask_logits)
    picture = np.full((20, 60, 3), 200, np.uint8)
    appearance = Inspector(lambda _: outputs, CLASSES, Roi("whole", 48, 16, 42), OperatingPoint())
    (finding,) = appearance.inspect(picture)
    assert finding.decision.mask.shape == (20, 60)


@pytest.mark.parametrize(
    ("features", "is_known", "score", "warnings"),
    [
        # Means 1 and 2, deviations 1: apart by 3 and 5, of which the mean square is 17.
        ((4, 7), True, 17.0, ("out-of-distribution score is 17.0, the limit 9.0",)),
        ((1, 2), True, 0.0, ()),
        ((4, 7), False, None, ()),
        (None, True, None, ()),
    ],
)
def test_what_is_unlike_the_training_pictures_is_warned_of(features, is_known, score, warnings):
    ranges = tuple(Range(name, 0, 255) for name in RANGE_NAMES)
    statistics = TrainingStatistics((1.0, 2.0), (1.0, 1.0), 9.0, ranges)
    given = None if features is None else np.array(features, np.float32)
    outputs = Outputs(np.array([4, 0], np.float32), None, given)
    roi = Roi("whole", 48, 16, 42)
    appearance = Inspector(
        lambda _: outputs,
        CLASSES,
        roi,
        OperatingPoint(),
        training_statistics=statistics if is_known else None,
    )
    (finding,) = appearance.inspect(np.full((20, 60, 3), (10, 20, 30), np.uint8))
    seen = finding.observation
    assert seen.ood_score == score
    assert (seen.appearance.red, seen.appearance.green, seen.appearance.blue) == (10, 20, 30)
    assert len(finding.warnings) == len(warnings)
    assert all(words in said for said, words in zip(finding.warnings, warnings, strict=True))


@pytest.mark.parametrize(("label", "is_defect"), [("good", False), ("crack", True)])
def test_a_finding_is_drawn_with_its_label_the_labels_probability_and_its_mask(label, is_defect):
    box, mask = CapsuleBox(50, 40, 60, 20, 0, 1000), np.zeros((80, 100), bool)
    decision = Decision(label, 0.6, 0.4, np.array([0.6, 0.4]), Region.of(mask))
    outputs = Outputs(np.zeros(2, np.float32), None)
    finding = Finding(
        crop_capsule(box, CAPSULE_ROI),
        decision,
        outputs,
        Observation(Appearance(0, 0, 0, 60, 0, 0, 0)),
    )
    picture = np.full((80, 100, 3), 200, np.uint8)
    expected = draw_overlay(picture, [Annotation(box, label, 0.6, is_defect, mask)])
    assert (draw_overlay(picture, [finding]) == expected).all()
    assert (expected != picture).any()


def test_the_file_says_how_it_inspects(tiny_model):
    inspector = load(tiny_model)
    meta = read_bundle(tiny_model).metadata
    assert inspector.metadata == meta
    assert (inspector.classes, inspector.roi) == (meta.classes, meta.roi)
    assert inspector.point == meta.operating_point
    assert inspector.model_sha256 == meta.flatbuffer_sha256
    assert inspector.training_statistics is None
    assert inspector.runtime.split()[0] in {"ai-edge-litert", "tflite-runtime"}


def test_it_inspects(tiny_model):
    green = np.full((32, 96, 3), (0, 255, 0), np.uint8)
    (finding,) = load(tiny_model).inspect(green)
    assert finding.decision.label == "crack"


def test_the_model_that_ships_knows_its_training():
    inspector = load()
    assert inspector.classes[0] == "good"
    assert inspector.training_statistics.ood_limit > 1


def test_an_incomplete_installation_is_told(tmp_path, monkeypatch):
    gone = tmp_path / "gone.tflite"
    monkeypatch.setattr(module, "SHIPPED_MODEL", gone)
    with pytest.raises(ModelFileError, match=r"ships with .* missing from .*Install the package"):
        load(gone)


def test_a_model_of_ones_own_that_is_missing_is_told(tmp_path):
    with pytest.raises(ModelFileError, match=r"none\.tflite' does not exist"):
        load(tmp_path / "none.tflite")


def test_a_path_may_be_text(tiny_model):
    assert load(str(tiny_model)).model_sha256 == load(tiny_model).model_sha256


def test_a_threshold_given_takes_the_place_of_the_files_own(tiny_model):
    own, given = load(tiny_model), load(tiny_model, threshold=0.99)
    assert given.point == replace(
        own.point, threshold=0.99, chosen_by="set by the user", expected=()
    )
    assert given.metadata.operating_point == own.point
    green = np.full((32, 96, 3), (0, 255, 0), np.uint8)
    (one,), (other,) = own.inspect(green), given.inspect(green)
    assert own.point.threshold <= one.defect_score < 0.99
    assert (one.label, other.label) == ("crack", "good")
    with pytest.raises(UsageError, match="must lie between 0 and 1"):
        load(tiny_model, threshold=1.5)


def test_a_finding_says_itself_what_was_decided():
    findings = inspector(Network(), Roi("whole", 48, 16, 42)).inspect(
        np.full((20, 60, 3), 200, np.uint8)
    )
    (finding,) = findings
    decision = finding.decision
    assert (finding.label, finding.is_defect, finding.mask) == ("good", False, None)
    assert finding.confidence == decision.confidence == 1 - finding.defect_score
    assert finding.box == finding.crop.box


class TestBytes:
    """`inspect_bytes` decodes and judges as `predict` does."""

    def test_give_the_findings_of_their_picture(self):
        picture = draw_capsule("good", 3, 400).picture
        data = encode_picture(picture)
        (one,) = inspector(Network(), CAPSULE_ROI).inspect(picture)
        (other,) = inspector(Network(), CAPSULE_ROI).inspect_bytes(data)
        assert (one.box, one.label, one.warnings) == (other.box, other.label, other.warnings)

    def test_warn_of_what_the_file_leaves_out(self):
        data = cv2.imencode(".png", np.zeros((20, 60, 4), np.uint8))[1].tobytes()
        (finding,) = inspector(Network(), Roi("whole", 48, 16, 42)).inspect_bytes(data)
        assert finding.warnings == ("Its transparent parts were put on white.",)

    def test_that_are_no_picture_are_told(self):
        with pytest.raises(PictureError, match=r"^The picture is empty"):
            inspector(Network(), CAPSULE_ROI).inspect_bytes(b"")
        with pytest.raises(PictureError, match=r"^The file 'a' is "):
            inspector(Network(), CAPSULE_ROI).inspect_bytes(b"text", "The file 'a'")


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((9, 9, 3), np.float32),
        np.zeros((9, 9, 3), np.uint16),
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((0, 9, 3), np.uint8),
        [[0, 0, 0]],
    ],
)
def test_what_is_no_rgb_array_is_refused(tiny_model, picture):
    with pytest.raises(TypeError, match=r"give uint8 RGB, \[H, W, 3\]"):
        load(tiny_model).inspect(picture)


def test_a_runtime_or_a_number_of_threads_that_cannot_be_is_a_usage_error(tiny_model):
    with pytest.raises(UsageError, match="runtime cannot be 'foo'"):
        load(tiny_model, runtime="foo")
    with pytest.raises(UsageError, match="threads is 0"):
        load(tiny_model, threads=0)
