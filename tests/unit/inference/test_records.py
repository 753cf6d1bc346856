import csv
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.errors import DataError
from capsule_inspect.imaging.capsule_box import CapsuleBox
from capsule_inspect.imaging.crop import crop_capsule
from capsule_inspect.imaging.look import Look
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import Decision
from capsule_inspect.inference.inspector import Finding
from capsule_inspect.inference.records import (
    Record,
    RecordWriter,
    read_records,
    record_finding,
)
from capsule_inspect.modelfile.outputs import Outputs
from capsule_inspect.printable import printable

CLASSES = ("good", "crack", "poke")
OK = Record(
    path="a.png",
    status="ok",
    capsule=0,
    label="poke",
    confidence=0.75,
    defect_score=0.875,
    threshold=0.5,
    probabilities=(0.125, 0.125, 0.75),
    defect_area_px=200,
    defect_area_pct=2.5,
    x=10.5,
    y=20.25,
    width=100.0,
    height=80.0,
    angle=-12.5,
    overlay="overlays/a.png.png",
)
BAD = Record(path="b.png", status="error", error="b.png is empty.")


def write(path: Path, *records: Record) -> Path:
    path.unlink(missing_ok=True)
    with RecordWriter(path, CLASSES) as writer:
        writer.write(records)
    return path


def test_columns_and_cells_are_those_of_the_contract(tmp_path):
    lines = write(tmp_path / "p.csv", OK, BAD).read_text(encoding="utf-8").split("\n")
    assert lines == [
        "path,capsule,status,label,confidence,defect_score,threshold,p_good,p_crack,p_poke,"
        "defect_area_px,defect_area_pct,x,y,width,height,angle,overlay,mask,warning,error",
        "a.png,0,ok,poke,0.75,0.875,0.5,0.125,0.125,0.75,"
        "200,2.5,10.5,20.25,100.0,80.0,-12.5,overlays/a.png.png,,,",
        "b.png,,error,,,,,,,,,,,,,,,,,,b.png is empty.",
        "",
    ]


@pytest.mark.parametrize("start", [*"=+-@'", "\t", "\r"])
def test_texts_cannot_be_formulas(tmp_path, start):
    path = write(tmp_path / "p.csv", replace(OK, path=f"{start}1.png"))
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["path"] == f"'{start}1.png"
    assert float(row["angle"]) == -12.5
    assert read_records(path)[0].path == f"{start}1.png"


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "=1+1",
        "-a",
        "'x",
        "''",
        "a\nb",
        "a\r",
        "\rb",
        "\r\n",
        'q"q',
        "a,b",
        "\t",
        " ",
        "\ufeff",
        "\0",
    ]
)
shares = st.floats(0, 1)
numbers = st.floats(-1e6, 1e6)
good_records = st.builds(
    Record,
    path=texts,
    status=st.just("ok"),
    capsule=st.integers(0, 9),
    label=texts,
    confidence=shares,
    defect_score=shares,
    threshold=shares,
    probabilities=st.tuples(shares, shares, shares),
    defect_area_px=st.none() | st.integers(0, 10**8),
    defect_area_pct=st.none() | shares,
    x=numbers,
    y=numbers,
    width=numbers,
    height=numbers,
    angle=st.floats(-180, 180),
    overlay=texts,
    mask=texts,
    warning=texts,
)
bad_records = st.builds(Record, path=texts, status=st.just("error"), error=texts)


@given(st.lists(good_records | bad_records, max_size=4))
def test_what_is_written_is_read_back(tmp_path_factory, records):
    path = tmp_path_factory.getbasetemp() / "round.csv"
    data = write(path, *records).read_bytes()
    again = read_records(path)
    assert again == tuple(records)
    assert write(path, *again).read_bytes() == data


@given(st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name))
def test_any_file_name_can_be_written(tmp_path_factory, name):
    text = printable(name.decode("utf-8", "surrogateescape"))
    path = tmp_path_factory.getbasetemp() / "names.csv"
    assert read_records(write(path, replace(OK, path=text)))[0].path == text


def test_scores_keep_their_side_of_the_threshold(tmp_path):
    threshold = 0.3
    below = replace(OK, defect_score=math.nextafter(threshold, 0.0), threshold=threshold)
    at = replace(OK, defect_score=threshold, threshold=threshold)
    path = write(tmp_path / "p.csv", below, at)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sides = [float(row["defect_score"]) < float(row["threshold"]) for row in rows]
    assert sides == [True, False]


def test_rows_can_be_read_while_more_are_written(tmp_path):
    path = tmp_path / "p.csv"
    with RecordWriter(path, CLASSES) as writer:
        assert read_records(path) == ()
        writer.write([OK])
        assert read_records(path) == (OK,)
        writer.write([BAD])
        assert read_records(path) == (OK, BAD)


def test_rows_reach_the_disk_in_the_end_but_an_error_before_is_the_one_that_is_told(
    tmp_path, monkeypatch
):
    def full(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"), RecordWriter(tmp_path / "a.csv", CLASSES):
        pass
    with pytest.raises(RuntimeError, match="first"), RecordWriter(tmp_path / "b.csv", CLASSES):
        raise RuntimeError("first")


def test_json_has_the_same_columns_and_raw_values(tmp_path):
    path = write(tmp_path / "p.csv", OK)
    header = path.read_text(encoding="utf-8").split("\n")[0].split(",")
    row = json.loads(replace(OK, path="=é\n.png").to_json(CLASSES))
    assert list(row) == header
    assert row["path"] == "=é\n.png"
    assert (row["p_poke"], row["capsule"], row["mask"]) == (0.75, 0, "")
    line = BAD.to_json(CLASSES)
    assert "\n" not in line
    assert json.loads(line)["p_good"] is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1,2\n",
        b"\xff\xfe",
        "cut",
        "long",
    ],
)
def test_other_files_are_refused(tmp_path, content):
    path = write(tmp_path / "p.csv", OK)
    whole = path.read_bytes()
    special = {"cut": whole[:-20], "long": whole[:-1] + b",x\n"}
    path.write_bytes(special.get(content, content) if isinstance(content, str) else content)
    with pytest.raises(DataError, match=r"p\.csv"):
        read_records(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_records(tmp_path / "none.csv")


def finding(angle: float = 30.0, mask: np.ndarray | None = None) -> Finding:
    box = CapsuleBox(50.123456, 40.127, 60.126, 20.124, angle, 1000.0)
    probabilities = np.array([0.25, 0.5, 0.25])
    decision = Decision("crack", 0.5, 0.75, probabilities, mask)
    outputs = Outputs(np.log(probabilities).astype(np.float32), None)
    return Finding(crop_capsule(box, Roi()), decision, outputs, Look(0, 0, 0, 60, 0))


def test_a_finding_becomes_a_row():
    mask = np.zeros((80, 100), bool)
    mask[10:15, 10:14] = True
    texts = {"overlay": "o.png", "mask": "m.png", "warning": "It is cut."}
    record = record_finding("a.png", 2, finding(mask=mask), 0.4, **texts)
    assert (record.path, record.status, record.error) == ("a.png", "ok", "")
    assert {name: getattr(record, name) for name in texts} == texts
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
