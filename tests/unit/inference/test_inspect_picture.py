import cv2
import numpy as np
import pytest

from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.inputs import PictureFile
from capsule_inspect.inference.inspect_picture import InspectOptions, inspect_input
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.records import Record
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs

CLASSES = ("good", "crack")


def see(*logits: float):
    def run(window):
        mask_logits = np.zeros((*window.shape[:2], 2), np.float32)
        mask_logits[..., 1] = 9
        return Outputs(np.array(logits, np.float32), mask_logits)

    return run


def inspect(path, run, mode="whole", **options):
    """The results of a file, and the files that they would be written to."""
    inspector = Inspector(run, CLASSES, Roi(mode, 48, 16, 40), OperatingPoint())
    source = PictureFile(path, f"line/{path.name}")
    inspected = inspect_input(inspector, source, InspectOptions(**options))
    return inspected, inspected.files


@pytest.fixture
def picture(tmp_path, save_picture):
    return save_picture(tmp_path / "a.png", np.full((32, 96, 3), (10, 20, 30), np.uint8))


def test_a_row_names_the_overlay_and_the_mask_that_were_written(picture):
    inspected, written = inspect(picture, see(0, 9), masks=True, overlay_format="jpg")
    (record,) = inspected.records
    assert (record.path, record.status, record.capsule) == (str(picture), "ok", 0)
    assert (record.label, record.defect_area_px) == ("crack", 32 * 96)
    assert list(written) == ["overlays/line/a.png.jpg", "masks/line/a.png.png"]
    assert list(written) == [record.overlay, record.mask]
    mask = cv2.imdecode(np.frombuffer(written[record.mask], np.uint8), cv2.IMREAD_UNCHANGED)
    assert (mask == np.ones((32, 96))).all()


def test_what_the_picture_is_like_comes_with_its_rows(picture):
    inspected, _ = inspect(picture, see(0, 9))
    (observation,) = inspected.observations
    assert observation.appearance == Appearance(10, 20, 30, 96, 0)
    assert observation.ood_score is None


@pytest.mark.parametrize(
    ("overlays", "logits", "drawn"),
    [
        ("all", (9, 0), True),
        ("defects", (9, 0), False),
        ("defects", (0, 9), True),
        ("none", (0, 9), False),
    ],
)
def test_overlays_are_drawn_as_asked(picture, overlays, logits, drawn):
    inspected, written = inspect(picture, see(*logits), overlays=overlays)
    assert bool(written) == bool(inspected.records[0].overlay) == drawn


def test_a_picture_without_a_capsule_has_one_row_and_an_overlay(picture):
    inspected, written = inspect(picture, see(0, 9), mode="capsule", overlays="defects")
    assert inspected.records == (
        Record(str(picture), "no_capsule", overlay="overlays/line/a.png.png"),
    )
    assert inspected.observations == ()
    assert list(written) == ["overlays/line/a.png.png"]


def test_a_file_that_cannot_be_read_has_a_row_that_says_why(tmp_path):
    (tmp_path / "a.png").touch()
    inspected, written = inspect(tmp_path / "a.png", see(0, 9), masks=True)
    (record,) = inspected.records
    assert (record.status, record.label) == ("error", "")
    assert "empty" in record.error
    assert not written


def test_what_the_file_leaves_out_is_warned_of(tmp_path):
    clear = np.zeros((32, 96, 4), np.uint8)
    path = tmp_path / "clear.png"
    path.write_bytes(cv2.imencode(".png", clear)[1].tobytes())
    inspected, _ = inspect(path, see(0, 9))
    assert "transparent" in inspected.records[0].warning


def test_a_model_without_masks_is_warned_of_and_writes_none(picture):
    inspected, written = inspect(
        picture, lambda _: Outputs(np.array([0, 9], np.float32), None), masks=True
    )
    assert "no mask" in inspected.records[0].warning
    assert list(written) == ["overlays/line/a.png.png"]
