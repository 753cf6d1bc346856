import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.inputs import PictureFile
from capsule_inspect.inference.inspect_picture import (
    InspectOptions,
    inspect_input,
    inspect_picture,
)
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
    assert observation.appearance == Appearance(10, 20, 30, 96, 0, 0, 0)
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
        Record(str(picture), "no_capsule", overlay="overlays/line/a.png.png", decision="reject"),
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


def test_a_hint_shows_in_the_overlay_alone(picture):
    def see_with(hint):
        return lambda _: Outputs(np.array([0, 9], np.float32), None, hint=hint)

    upper_left = np.zeros((2, 6, 1), np.float32)
    upper_left[0, 0] = 5
    options = {"masks": True, "annotations": "coco"}
    bare, _ = inspect(picture, see_with(None), **options)
    hinted, written = inspect(picture, see_with(upper_left), **options)
    assert hinted.records == bare.records
    assert (hinted.records[0].mask, hinted.records[0].defect_area_px) == ("", None)
    assert hinted.mask is None
    assert hinted.annotated == bare.annotated
    assert list(written) == ["overlays/line/a.png.png"]
    assert hinted.overlay != bare.overlay


ALL = InspectOptions(masks=True)
JUDGE = Inspector(see(0, 9), CLASSES, Roi("capsule", 48, 16, 40), OperatingPoint())


def as_png(picture) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def test_bytes_are_inspected_without_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = as_png(np.hstack([draw_capsule("good", seed, 200).picture for seed in (1, 2)]))
    inspected = inspect_picture(JUDGE, "camera/7.png", data, ALL)
    assert [record.path for record in inspected.records] == ["camera/7.png"] * 2
    assert [record.capsule for record in inspected.records] == [0, 1]
    assert len(inspected.observations) == 2
    assert inspected.files == {
        "overlays/camera/7.png.png": inspected.overlay,
        "masks/camera/7.png.png": inspected.mask,
    }
    overlay = cv2.imdecode(np.frombuffer(inspected.overlay, np.uint8), cv2.IMREAD_UNCHANGED)
    assert overlay.shape == (200, 400, 3)
    assert not list(tmp_path.iterdir())


def test_bytes_give_the_rows_and_files_of_a_file_with_them(tmp_path):
    data = as_png(draw_capsule("crack", 5, 300).picture)
    (tmp_path / "a.png").write_bytes(data)
    of_file = inspect_input(JUDGE, PictureFile(tmp_path / "a.png", "a.png"), ALL)
    of_bytes = inspect_picture(JUDGE, "a.png", data, ALL, str(tmp_path / "a.png"))
    assert of_bytes == of_file
    renamed = inspect_picture(JUDGE, "a.png", data, ALL)
    assert renamed == replace(of_file, records=(replace(of_file.records[0], path="a.png"),))


def test_results_travel_between_processes():
    inspected = inspect_picture(JUDGE, "a", as_png(np.full((9, 9, 3), 200, np.uint8)), ALL)
    assert pickle.loads(pickle.dumps(inspected)) == inspected  # noqa: S301  (our own)


def test_a_row_that_says_why_calls_the_picture_by_its_path():
    (record,) = inspect_picture(JUDGE, "a", b"", ALL, "http://camera/a.png").records
    assert (record.path, record.status) == ("http://camera/a.png", "error")
    assert record.error.startswith("The file 'http://camera/a.png' is empty")


WHOLE_PNG = as_png(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
damaged = st.builds(
    lambda at, byte, cut: (WHOLE_PNG[:at] + bytes([byte]) + WHOLE_PNG[at + 1 :])[:cut],
    st.integers(0, len(WHOLE_PNG) - 1),
    st.integers(0, 255),
    st.integers(0, len(WHOLE_PNG)),
)


@settings(max_examples=300)
@given(st.binary(max_size=200) | damaged)
def test_whatever_the_bytes_there_are_rows_and_no_exception(data):
    inspected = inspect_picture(JUDGE, "a", data, ALL)
    assert inspected.records
    if inspected.records[0].status == "error":
        (record,) = inspected.records
        assert record.error.startswith("The file 'a' ")
        assert (inspected.overlay, inspected.mask, inspected.files) == (None, None, {})


def test_a_picture_too_wide_for_a_mask_has_a_row_that_says_so():
    # The PNG library takes a million pixels in a row, a BMP can have more.
    data = cv2.imencode(".bmp", np.full((1, 1_000_001, 3), 200, np.uint8))[1].tobytes()
    judge = replace(JUDGE, roi=Roi("whole", 48, 16, 40))
    inspected = inspect_picture(judge, "a", data, InspectOptions("none", masks=True))
    (record,) = inspected.records
    assert (record.status, record.label, record.mask) == ("ok", "crack", "")
    assert record.warning.startswith("There is no mask: A picture of 1000001 x 1 pixels cannot")
    assert inspected.mask is None
