import csv
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.inference.record import Record, csv_line, record_columns

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
        b"defect_area_px,defect_area_pct,x,y,width,height,angle,overlay,mask,warning,error\n"
    )
    assert OK.to_csv(CLASSES) == (
        b"a.png,0,ok,poke,0.75,0.875,0.5,0.125,0.125,0.75,"
        b"200,2.5,10.5,20.25,100.0,80.0,-12.5,overlays/a.png.png,,,\n"
    )
    assert BAD.to_csv(CLASSES) == b"b.png,,error,,,,,,,,,,,,,,,,,,b.png is empty.\n"


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
