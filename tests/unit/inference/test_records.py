import csv
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.imaging.crop import crop_capsule
from capsule_inspect.imaging.find_capsules import CapsuleBox
from capsule_inspect.imaging.region import Region
from capsule_inspect.inference.decide import Decision
from capsule_inspect.inference.inspector import Finding
from capsule_inspect.inference.records import (
    Record,
    RecordWriter,
    RecoveredRecords,
    csv_line,
    read_records,
    record_columns,
    record_finding,
    recover_records,
)
from capsule_inspect.inference.warnings import Observation
from capsule_inspect.modelfile.runtime import Outputs
from capsule_inspect.text import printable

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
    decision="reject",
)
BAD = Record(path="b.png", status="error", error="b.png is empty.")


def cells(record: Record) -> list[str]:
    """The cells of a row, as a CSV reader sees them."""
    text = record.to_csv(CLASSES).decode("utf-8")
    (row,) = csv.reader([text], strict=True)
    return row


def by_column(record: Record) -> dict[str, str]:
    return dict(zip(record_columns(CLASSES), cells(record), strict=True))


def test_columns_and_cells_are_those_of_the_contract():
    assert csv_line(record_columns(CLASSES)) == (
        b"path,capsule,status,label,confidence,defect_score,threshold,p_good,p_crack,p_poke,"
        b"defect_area_px,defect_area_pct,x,y,width,height,angle,overlay,mask,warning,error,"
        b"decision\n"
    )
    assert OK.to_csv(CLASSES) == (
        b"a.png,0,ok,poke,0.75,0.875,0.5,0.125,0.125,0.75,"
        b"200,2.5,10.5,20.25,100.0,80.0,-12.5,overlays/a.png.png,,,,reject\n"
    )
    assert BAD.to_csv(CLASSES) == b"b.png,,error,,,,,,,,,,,,,,,,,,b.png is empty.,\n"


@pytest.mark.parametrize("start", [*"=+-@'", "\t", "\r"])
def test_texts_cannot_be_formulas(start):
    row = by_column(replace(OK, path=f"{start}1.png"))
    assert row["path"] == f"'{start}1.png"
    assert float(row["angle"]) == -12.5
    assert Record.from_row(row).path == f"{start}1.png"


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


@given(good_records | bad_records)
def test_what_is_written_is_read_back(record):
    again = Record.from_row(by_column(record))
    assert again == record
    assert again.to_csv(CLASSES) == record.to_csv(CLASSES)


@pytest.mark.parametrize(
    ("column", "value"),
    [("capsule", "1.0"), ("x", "left"), ("p_crack", "likely"), ("mask", None), (None, ["more"])],
)
def test_rows_that_are_none_are_refused(column, value):
    with pytest.raises(ValueError, match=r"cells|int|float"):
        Record.from_row({**by_column(OK), column: value})


def test_scores_keep_their_side_of_the_threshold():
    threshold = 0.3
    for score, below in ((math.nextafter(threshold, 0.0), True), (threshold, False)):
        row = by_column(replace(OK, defect_score=score, threshold=threshold))
        assert (float(row["defect_score"]) < float(row["threshold"])) == below


def test_json_has_the_same_columns_and_raw_values():
    row = json.loads(replace(OK, path="=é\n.png").to_json(CLASSES))
    assert tuple(row) == record_columns(CLASSES)
    assert row["path"] == "=é\n.png"
    assert (row["p_poke"], row["capsule"], row["mask"]) == (0.75, 0, "")
    line = BAD.to_json(CLASSES)
    assert "\n" not in line
    assert json.loads(line)["p_good"] is None


def finding(angle: float = 30.0, mask: np.ndarray | None = None) -> Finding:
    box = CapsuleBox(50.123456, 40.127, 60.126, 20.124, angle, 1000.0)
    probabilities = np.array([0.25, 0.5, 0.25])
    decision = Decision(
        "crack", 0.5, 0.75, probabilities, None if mask is None else Region.of(mask)
    )
    outputs = Outputs(np.log(probabilities).astype(np.float32), None)
    observation = Observation(Appearance(0, 0, 0, 60, 0, 0, 0))
    crop = crop_capsule(box, CAPSULE_ROI)
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


WRITTEN = Record("a.png", "ok", 0, "poke", 0.75, 0.875, 0.5, (0.125, 0.125, 0.75))


def test_the_file_is_a_header_and_a_line_for_each_row(tmp_path):
    path = tmp_path / "p.csv"
    with RecordWriter(path, CLASSES) as writer:
        writer.write([WRITTEN, BAD])
    header = csv_line(record_columns(CLASSES))
    assert path.read_bytes() == header + WRITTEN.to_csv(CLASSES) + BAD.to_csv(CLASSES)


def test_rows_can_be_read_while_more_are_written(tmp_path):
    path = tmp_path / "p.csv"
    with RecordWriter(path, CLASSES) as writer:
        assert read_records(path) == ()
        writer.write([WRITTEN])
        assert read_records(path) == (WRITTEN,)
        writer.write([BAD])
        assert read_records(path) == (WRITTEN, BAD)


def test_rows_reach_the_disk_in_the_end_but_an_error_before_is_the_one_that_is_told(
    tmp_path, monkeypatch
):
    def full(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space"), RecordWriter(tmp_path / "a.csv", CLASSES):
        pass
    with pytest.raises(RuntimeError, match="first"), RecordWriter(tmp_path / "b.csv", CLASSES):
        raise RuntimeError("first")


def test_a_new_file_takes_the_place_of_another_and_leaves_what_a_link_points_to(tmp_path):
    (tmp_path / "mine.csv").write_text("precious")
    path = tmp_path / "p.csv"
    path.symlink_to(tmp_path / "mine.csv")
    for records in ([WRITTEN, BAD], [BAD]):
        with RecordWriter(path, CLASSES) as writer:
            writer.write(records)
        assert read_records(path) == tuple(records)
    assert (tmp_path / "mine.csv").read_text() == "precious"


def test_a_file_that_cannot_be_made_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"p\.csv' cannot be written: .*--resume"):
        RecordWriter(tmp_path / "none/p.csv", CLASSES)


@contextmanager
def little_room(size: int) -> Iterator[None]:
    """No file may grow beyond a size meanwhile."""
    resource = pytest.importorskip("resource", reason="needs limits of POSIX")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:  # before pytest writes a word, which may go to a file
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_rows_that_find_no_room_are_told(tmp_path):
    path = tmp_path / "p.csv"
    with (
        RecordWriter(path, CLASSES) as writer,
        pytest.raises(UsageError, match=rf"'{tmp_path}' cannot be written: .*--resume"),
        little_room(400),
    ):
        writer.write([WRITTEN] * 9)
    assert path.stat().st_size == 400


STORED = Record("a.png", "ok", 0, "poke", 0.75, 0.875, 0.5, (0.125, 0.125, 0.75))


def write(path: Path, *records: Record) -> Path:
    with RecordWriter(path, CLASSES) as writer:
        writer.write(records)
    return path


records = st.builds(
    replace,
    st.sampled_from([STORED, BAD]),
    path=st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    warning=st.sampled_from(["", "=1+1", "'x", "a\nb", "a\r", "\rb", "\r\n", 'q"q', "a,b", "\0"]),
)


@given(st.lists(records, max_size=4))
def test_written_rows_are_read_back(tmp_path_factory, records):
    path = tmp_path_factory.getbasetemp() / "round.csv"
    assert read_records(write(path, *records)) == tuple(records)


@given(st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name))
def test_any_file_name_can_be_written(tmp_path_factory, name):
    text = printable(name.decode("utf-8", "surrogateescape"))
    path = tmp_path_factory.getbasetemp() / "names.csv"
    assert read_records(write(path, replace(STORED, path=text)))[0].path == text


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
    path = write(tmp_path / "p.csv", STORED)
    whole = path.read_bytes()
    special = {"cut": whole[:-20], "long": whole[:-1] + b",x\n"}
    path.write_bytes(special.get(content, content) if isinstance(content, str) else content)
    with pytest.raises(DataError, match=r"p\.csv"):
        read_records(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_records(tmp_path / "none.csv")


FIRST = Record("a.png", "ok", 0, "poke", 0.75, 0.875, 0.5, (0.125, 0.125, 0.75))
TWICE = (
    replace(FIRST, path='b\n"2".png'),
    replace(FIRST, path='b\n"2".png', capsule=1),
)
"""Two capsules of one picture, whose name takes quotes and a line of its own."""


@pytest.fixture
def unfinished(tmp_path):
    path = tmp_path / "p.csv"
    with RecordWriter(path, CLASSES) as writer:
        writer.write([FIRST, *TWICE, BAD])
    return path


def test_all_pictures_but_the_last_are_recovered(unfinished):
    # The last may have had more capsules.
    recovered = recover_records(unfinished, CLASSES)
    assert recovered.pictures == ((FIRST,), TWICE)
    data = unfinished.read_bytes()
    header = data.index(b"\n") + 1
    assert recovered.starts == (header, data.index(b'"b\n'))
    assert recovered.size == data.index(b"b.png,,error")
    assert recovered.begun == 3
    assert recovered.first(1) == RecoveredRecords(((FIRST,),), (header,), recovered.starts[1], 3)
    assert recovered.first(2) == recovered


def test_wherever_a_file_was_cut_whole_pictures_are_recovered_and_gone_on_with(unfinished):
    whole = unfinished.read_bytes()
    for cut in range(len(whole)):
        unfinished.write_bytes(whole[:cut])
        recovered = recover_records(unfinished, CLASSES)
        done = len(recovered.pictures)
        assert recovered.pictures == ((FIRST,), TWICE)[:done]
        assert recovered.size <= cut
        if recovered.size == 0:
            continue  # not even the header is whole
        with RecordWriter(unfinished, CLASSES, keep=recovered.size) as writer:
            for rows in ((FIRST,), TWICE, (BAD,))[done:]:
                writer.write(rows)
        assert unfinished.read_bytes() == whole


def test_what_is_not_kept_is_gone_at_once(unfinished):
    size = recover_records(unfinished, CLASSES).size
    with RecordWriter(unfinished, CLASSES, keep=size) as writer:
        assert unfinished.stat().st_size == size
        writer.write([])
    assert read_records(unfinished) == (FIRST, *TWICE)


@pytest.mark.parametrize("tail", [b"\0" * 40, b"\xff\n", b"a,b\n", b'"'])
def test_what_follows_the_last_whole_row_is_left_out(unfinished, tail):
    before = recover_records(unfinished, CLASSES)
    unfinished.write_bytes(unfinished.read_bytes() + tail)
    assert recover_records(unfinished, CLASSES) == before


def test_rows_of_other_classes_are_not_recovered(unfinished, tmp_path):
    with pytest.raises(DataError, match=r"not a predictions\.csv of this model's classes"):
        recover_records(unfinished, ("good", "crack"))
    with pytest.raises(DataError, match="cannot be read"):
        recover_records(tmp_path / "none.csv", CLASSES)
