from dataclasses import replace

import pytest

from capsule_inspect.errors import DataError
from capsule_inspect.inference.read_records import read_records
from capsule_inspect.inference.record import Record
from capsule_inspect.inference.record_writer import RecordWriter
from capsule_inspect.inference.recover_records import RecoveredRecords, recover_records

CLASSES = ("good", "crack", "poke")
OK = Record("a.png", "ok", 0, "poke", 0.75, 0.875, 0.5, (0.125, 0.125, 0.75))
BAD = Record(path="b.png", status="error", error="b.png is empty.")
TWICE = (replace(OK, path='b\n"2".png'), replace(OK, path='b\n"2".png', capsule=1))
"""Two capsules of one picture, whose name takes quotes and a line of its own."""


@pytest.fixture
def unfinished(tmp_path):
    path = tmp_path / "p.csv"
    with RecordWriter(path, CLASSES) as writer:
        writer.write([OK, *TWICE, BAD])
    return path


def test_all_pictures_but_the_last_are_recovered(unfinished):
    # The last may have had more capsules.
    recovered = recover_records(unfinished, CLASSES)
    assert recovered.pictures == ((OK,), TWICE)
    data = unfinished.read_bytes()
    header = data.index(b"\n") + 1
    assert recovered.starts == (header, data.index(b'"b\n'))
    assert recovered.size == data.index(b"b.png,,error")
    assert recovered.first(1) == RecoveredRecords(((OK,),), (header,), recovered.starts[1])
    assert recovered.first(2) == recovered


def test_wherever_a_file_was_cut_whole_pictures_are_recovered_and_gone_on_with(unfinished):
    whole = unfinished.read_bytes()
    for cut in range(len(whole)):
        unfinished.write_bytes(whole[:cut])
        recovered = recover_records(unfinished, CLASSES)
        done = len(recovered.pictures)
        assert recovered.pictures == ((OK,), TWICE)[:done]
        assert recovered.size <= cut
        if recovered.size == 0:
            continue  # not even the header is whole
        with RecordWriter(unfinished, CLASSES, keep=recovered.size) as writer:
            for rows in ((OK,), TWICE, (BAD,))[done:]:
                writer.write(rows)
        assert unfinished.read_bytes() == whole


def test_what_is_not_kept_is_gone_at_once(unfinished):
    size = recover_records(unfinished, CLASSES).size
    with RecordWriter(unfinished, CLASSES, keep=size) as writer:
        assert unfinished.stat().st_size == size
        writer.write([])
    assert read_records(unfinished) == (OK, *TWICE)


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
