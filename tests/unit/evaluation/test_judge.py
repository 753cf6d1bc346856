from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI

from capsule_inspect.choices import NO_CAPSULE
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import PictureError
from capsule_inspect.evaluation.judge import (
    MASK_THRESHOLDS,
    Judgement,
    classes_of,
    gather_evidence,
    judge,
    judge_findings,
    judgement_cells,
    judgement_columns,
    read_judgement,
)
from capsule_inspect.evaluation.pixels import Overlap
from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.region import Region
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import Decision
from capsule_inspect.inference.inspector import Finding, Inspector
from capsule_inspect.inference.warnings import Observation
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs

CLASSES = ("good", "crack", "poke")
ROI = Roi("whole", 8, 4, 7)
SHAPE = (4, 8)


def sample(label: str = "crack", path: str = "a.png", mask: str = "") -> Sample:
    return Sample(path, label, mask, "test", None, "ab" * 32, SHAPE[1], SHAPE[0])


def finding(label: str, score: float, columns: range | None = range(0)) -> Finding:
    mask = None
    if columns is not None:
        mask = np.zeros(SHAPE, np.bool_)
        mask[:, list(columns)] = True
    probabilities = np.array([1 - score, score * 0.75, score * 0.25])
    decision = Decision(label, 0.5, score, probabilities, None if mask is None else Region.of(mask))
    outputs = Outputs(np.log(probabilities).astype(np.float32), None)
    crop = find_crops(np.zeros((*SHAPE, 3), np.uint8), ROI)[0]
    return Finding(crop, decision, outputs, Observation(Appearance(0, 0, 0, 60, 0, 0, 0)))


def truth(columns: range) -> np.ndarray:
    mask = np.zeros(SHAPE, np.bool_)
    mask[:, list(columns)] = True
    return mask


def test_one_capsule_speaks_for_its_picture():
    judged = judge_findings(sample(), [finding("crack", 0.8, range(2, 5))], truth(range(3, 6)))
    assert (judged.path, judged.sha256, judged.truth) == ("a.png", "ab" * 32, "crack")
    assert (judged.label, judged.defect_score) == ("crack", 0.8)
    assert judged.probabilities == pytest.approx((0.2, 0.6, 0.2))
    assert judged.overlap == Overlap(intersection=8, predicted=12, true=12)


def test_of_several_capsules_the_worst_counts():
    findings = [
        finding("good", 0.1),
        finding("poke", 0.9, range(2)),
        finding("crack", 0.6, range(6, 8)),
    ]
    judged = judge_findings(sample(), findings, truth(range(1, 7)))
    assert (judged.label, judged.defect_score) == ("poke", 0.9)
    assert judged.probabilities[0] == pytest.approx(0.1)
    # The masks of all capsules together are held against the truth.
    assert judged.overlap == Overlap(intersection=8, predicted=16, true=24)


def test_no_capsule_is_a_label_and_a_score_of_its_own():
    judged = judge_findings(sample(), [], truth(range(2)))
    assert judged.label == NO_CAPSULE
    assert judged.defect_score == 1
    assert judged.probabilities == ()
    assert judged.overlap == Overlap(intersection=0, predicted=0, true=8)
    assert judge_findings(sample(), [], None).overlap is None


def test_without_either_mask_there_is_no_overlap():
    assert judge_findings(sample(), [finding("crack", 0.8)], None).overlap is None
    unmasked = finding("crack", 0.8, columns=None)
    assert judge_findings(sample(), [unmasked], truth(range(3))).overlap is None


def by_red(window: np.ndarray) -> Outputs:
    """A network that calls red pictures cracked all over and others good."""
    red = float(window[..., 0].mean()) / 255
    logits = np.array([4 * (1 - red), 4 * red, 0], np.float32)
    return Outputs(logits, np.tile(logits, (*SHAPE, 1)))


@pytest.fixture
def data(tmp_path: Path, save_picture) -> DataSet:
    blue, red = np.zeros((*SHAPE, 3), np.uint8), np.zeros((*SHAPE, 3), np.uint8)
    blue[..., 2], red[..., 0] = 255, 255
    save_picture(tmp_path / "good.png", blue)
    save_picture(tmp_path / "crack.png", red)
    save_picture(tmp_path / "poke.png", red)
    save_picture(tmp_path / "mask.png", truth(range(2)).astype(np.uint8) * 255)
    samples = (
        sample("crack", "crack.png", "mask.png"),
        sample("good", "good.png"),
        sample("poke", "poke.png"),
    )
    return DataSet(tmp_path, CLASSES, samples, 0, "", "", "1")


def inspector() -> Inspector:
    return Inspector(by_red, CLASSES, ROI, OperatingPoint())


def test_pictures_are_judged_in_order_against_their_masks(data):
    calls = []
    judged = judge(data, data.samples, inspector(), lambda: calls.append(1))
    assert [(j.path, j.truth, j.label) for j in judged] == [
        ("crack.png", "crack", "crack"),
        ("good.png", "good", "good"),
        ("poke.png", "poke", "crack"),
    ]
    assert len(calls) == 3
    # e^4 : 1 : 1 leaves a good picture 2 / (e^4 + 2)
    assert judged[1].defect_score == pytest.approx(2 / (np.exp(4) + 2), rel=1e-5)
    assert judged[0].overlap == Overlap(intersection=8, predicted=32, true=8)
    assert judged[1].overlap == Overlap(intersection=0, predicted=0, true=0)
    assert judged[2].overlap is None


def test_pixels_are_tallied_where_they_are_asked_for_and_known(data):
    assert all(each.pixels is None for each in judge(data, data.samples, inspector()))
    crack, good, poke = judge(data, data.samples, inspector(), with_pixels=True)
    assert (crack.pixels.regions, crack.pixels.defect_counts.sum()) == (1, 8)
    assert (good.pixels.regions, good.pixels.sound_counts.sum()) == (0, 32)
    assert poke.pixels is None
    # The map of a good picture is not empty though its mask is.
    assert good.label == "good"
    assert good.pixels.sound_levels.min() > 0


def test_a_picture_without_a_capsule_is_judged(data):
    looking = Inspector(by_red, CLASSES, CAPSULE_ROI, OperatingPoint())
    assert [j.label for j in judge(data, data.samples, looking)] == [NO_CAPSULE] * 3


def test_a_missing_picture_is_named(data):
    with pytest.raises(PictureError, match=r"nowhere\.png"):
        judge(data, [sample(path="nowhere.png")], inspector())


EVIDENCE_CLASSES = ("good", "crack")
EVIDENCE_SHAPE = (16, 32)
P_DEFECT = 0.42


def evidence_inspector(mode: str = "whole", masks: bool = True) -> Inspector:
    """Says the same of every picture: a crack with odds of 3 to 1, each pixel defect with .42."""

    def run(window):
        pixel = np.log([1 - P_DEFECT, P_DEFECT]).astype(np.float32)
        logits = np.array([5.0, 5.0 + np.log(3)], np.float32)
        return Outputs(logits, np.broadcast_to(pixel, (*window.shape[:2], 2)) if masks else None)

    point = OperatingPoint(temperature=3.0, threshold=0.9, mask_threshold=0.9)
    return Inspector(run, EVIDENCE_CLASSES, Roi(mode, 32, 16, 32), point)


@pytest.fixture
def two_pictures(tmp_path: Path, save_picture) -> DataSet:
    """A crack whose left half is defect, and a good picture."""
    mask = np.zeros(EVIDENCE_SHAPE, np.uint8)
    mask[:, :16] = 255
    save_picture(tmp_path / "mask.png", mask)
    for name in ("crack", "good"):
        save_picture(tmp_path / f"{name}.png", np.zeros((*EVIDENCE_SHAPE, 3), np.uint8))
    samples = tuple(
        Sample(f"{label}.png", label, mask, "val", None, "", EVIDENCE_SHAPE[1], EVIDENCE_SHAPE[0])
        for label, mask in (("crack", "mask.png"), ("good", ""))
    )
    return DataSet(tmp_path, EVIDENCE_CLASSES, samples, 0, "", "", "")


def test_a_network_is_heard_before_any_threshold_or_temperature(two_pictures):
    seen = []
    crack, good = gather_evidence(
        two_pictures, two_pictures.samples, evidence_inspector(), lambda: seen.append(1)
    )
    assert len(seen) == 2
    assert (crack.truth, good.truth) == (1, 0)
    assert np.exp(crack.log_probabilities) == pytest.approx([0.25, 0.75])
    # All pixels are called up to their probability, half of them rightly: 2 x 1/2 / (1 + 1/2).
    expected = np.where(MASK_THRESHOLDS <= P_DEFECT, 2 / 3, 0)
    assert crack.dice == pytest.approx(expected, abs=0.03)
    assert good.dice is None  # every mask is as far from an empty one as any other


def test_without_a_mask_head_there_is_no_dice(two_pictures):
    crack, _ = gather_evidence(two_pictures, two_pictures.samples, evidence_inspector(masks=False))
    assert crack.dice is None


def test_a_picture_without_a_capsule_says_nothing(two_pictures):
    seen = []
    assert (
        gather_evidence(
            two_pictures,
            two_pictures.samples,
            evidence_inspector("capsule"),
            lambda: seen.append(1),
        )
        == ()
    )
    assert len(seen) == 2


def test_gathering_evidence_names_a_missing_picture(two_pictures):
    (two_pictures.root / "good.png").unlink()
    with pytest.raises(PictureError, match=r"good\.png"):
        gather_evidence(two_pictures, two_pictures.samples, evidence_inspector())


ROW_CLASSES = ("good", "crack")
SEEN = Judgement("a.png", "aa", "crack", "crack", 0.75, (0.25, 0.75), Overlap(3, 4, 5))


def row(judgement: Judgement) -> dict[str, str]:
    """What a CSV file makes of the cells: text, by column."""
    cells = map(str, judgement_cells(judgement, len(ROW_CLASSES)))
    return dict(zip(judgement_columns(ROW_CLASSES), cells, strict=True))


def test_areas_stand_by_their_names():
    cells = row(SEEN)
    names = ("true_area_px", "predicted_area_px", "common_area_px")
    assert [cells[name] for name in names] == ["5", "4", "3"]
    assert float(cells["dice"]) == pytest.approx(6 / 9)
    assert float(cells["iou"]) == 0.5
    assert (cells["p_good"], cells["p_crack"]) == ("0.25", "0.75")


@pytest.mark.parametrize(
    "judgement",
    [SEEN, replace(SEEN, overlap=None), replace(SEEN, label=NO_CAPSULE, probabilities=())],
)
def test_a_row_is_read_back(judgement):
    assert read_judgement(row(judgement), ROW_CLASSES) == judgement


def test_columns_name_the_classes():
    assert classes_of(judgement_columns(ROW_CLASSES)) == ROW_CLASSES


def test_what_is_no_row_is_refused():
    without = row(SEEN)
    del without["common_area_px"]
    with pytest.raises(KeyError):
        read_judgement(without, ROW_CLASSES)
    with pytest.raises(ValueError, match="half"):
        read_judgement(row(SEEN) | {"defect_score": "half"}, ROW_CLASSES)
