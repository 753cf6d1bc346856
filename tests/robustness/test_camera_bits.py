"""Pictures of a camera of 12 bits, unscaled in files of 16: the labels of the same in 8 bits."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from odd_forms import netpbm

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.inference.records import Record, read_records

LABELS = ("good", "crack", "poke")


def shown(label: str) -> np.ndarray:
    return draw_capsule(label, (5, LABELS.index(label)), 500).picture


def of_12_bits(picture: np.ndarray) -> np.ndarray:
    return np.rint(picture.astype(float) * 4095 / 255).astype(np.uint16)


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """The same capsules in 8 bits, as PNG and TIFF of 12 bits, and as PGM, in a folder for each."""
    for label in LABELS:
        picture = shown(label)
        deep = of_12_bits(picture)
        for kind in ("eight", "png", "tif", "ppm"):
            (tmp_path / "line" / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / f"line/eight/{label}.png"), picture[..., ::-1])
        cv2.imwrite(str(tmp_path / f"line/png/{label}.png"), deep[..., ::-1])
        cv2.imwrite(str(tmp_path / f"line/tif/{label}.tif"), deep[..., ::-1])
        (tmp_path / f"line/ppm/{label}.ppm").write_bytes(netpbm(deep, 4095))
    return tmp_path / "line"


def rows_of(out: Path) -> list[Record]:
    return list(read_records(out / "predictions.csv"))


@pytest.mark.parametrize("kind", ["png", "tif", "ppm"])
def test_the_rows_are_those_of_8_bits(line, tmp_path, invoke, kind):
    eight, twelve = tmp_path / "eight", tmp_path / "twelve"
    assert invoke("predict", line / "eight", "-o", eight, "-q").exit_code == 0
    options = [] if kind == "ppm" else ["--bits", "12"]
    assert invoke("predict", line / kind, "-o", twelve, "-q", "--report", *options).exit_code == 0
    before, after = rows_of(eight), rows_of(twelve)
    assert [row.label for row in after] == [row.label for row in before]
    for one, other in zip(before, after, strict=True):
        assert (one.defect_score, one.warning) == (other.defect_score, other.warning)


def test_without_the_bits_each_row_says_what_to_give(line, tmp_path, invoke):
    assert invoke("predict", line / "png", "-o", tmp_path / "out", "-q").exit_code == 0
    for row in rows_of(tmp_path / "out"):
        assert row.status == "no_capsule"
        assert "It uses only 12 of 16 bits" in row.warning
        assert "--bits 12" in row.warning


def test_more_than_the_bits_is_an_error_row(line, tmp_path, invoke):
    done = invoke("predict", line / "png", "-o", tmp_path / "out", "--bits", "10")
    assert done.exit_code == 3
    for row in rows_of(tmp_path / "out"):
        assert row.status == "error"
        assert "more than 10 bits can hold" in row.error


@pytest.mark.parametrize("bits", [8, 17, 0])
def test_bits_that_cannot_be_are_refused(line, tmp_path, invoke, bits):
    done = invoke("predict", line / "png", "-o", tmp_path / "out", "--bits", bits)
    assert done.exit_code == 2
    assert f"bits is {bits}, but must be from 9 to 16" in done.err
    assert not (tmp_path / "out").exists()


def test_a_run_is_resumed_with_the_same_bits(line, tmp_path, invoke):
    command = ("predict", line / "png", "-o", tmp_path / "out", "-q")
    assert invoke(*command, "--bits", "12").exit_code == 0
    assert json.loads((tmp_path / "out/run.json").read_text())["bits"] == 12
    assert invoke(*command, "--bits", "12", "--resume").exit_code == 0
    done = invoke(*command, "--bits", "14", "--resume")
    assert done.exit_code == 2
    assert "bits was 12, now 14" in done.err


def test_a_data_set_is_prepared_and_read_by_its_bits(tmp_path, invoke):
    for label in LABELS:
        folder = tmp_path / "mine" / label
        folder.mkdir(parents=True)
        for number in range(3):
            picture = of_12_bits(draw_capsule(label, (6, number), 300).picture)
            cv2.imwrite(str(folder / f"{number}.png"), picture[..., ::-1])
    dark = invoke("prepare", tmp_path / "mine", tmp_path / "dark", "--no-page")
    assert dark.exit_code == 0
    assert "It uses only 12 of 16 bits" in dark.err
    done = invoke("prepare", tmp_path / "mine", tmp_path / "data", "data.bits=12", "--no-page")
    assert done.exit_code == 0
    assert "bits" not in done.err
    data = read_dataset(tmp_path / "data")
    assert data.bits == 12
    for sample in data.samples:
        label, number = Path(sample.path).parent.name, int(Path(sample.path).stem)
        expected = draw_capsule(label, (6, number), 300).picture
        np.testing.assert_array_equal(data.read_picture(sample), expected)


def test_impossible_bits_of_a_data_set_are_refused(tmp_path, invoke):
    done = invoke("prepare", tmp_path, tmp_path / "data", "data.bits=8")
    assert done.exit_code == 2
    assert "data.bits is 8, but must be from 9 to 16" in done.err
