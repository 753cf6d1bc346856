import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.read_records import read_records
from capsule_inspect.inference.record import Record, csv_line, record_columns
from capsule_inspect.inference.record_writer import RecordWriter

CLASSES = ("good", "crack", "poke")
OK = Record("a.png", "ok", 0, "poke", 0.75, 0.875, 0.5, (0.125, 0.125, 0.75))
BAD = Record(path="b.png", status="error", error="b.png is empty.")


def test_the_file_is_a_header_and_a_line_for_each_row(tmp_path):
    path = tmp_path / "p.csv"
    with RecordWriter(path, CLASSES) as writer:
        writer.write([OK, BAD])
    header = csv_line(record_columns(CLASSES))
    assert path.read_bytes() == header + OK.to_csv(CLASSES) + BAD.to_csv(CLASSES)


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
    with pytest.raises(UsageError, match="No space"), RecordWriter(tmp_path / "a.csv", CLASSES):
        pass
    with pytest.raises(RuntimeError, match="first"), RecordWriter(tmp_path / "b.csv", CLASSES):
        raise RuntimeError("first")


def test_a_new_file_takes_the_place_of_another_and_leaves_what_a_link_points_to(tmp_path):
    (tmp_path / "mine.csv").write_text("precious")
    path = tmp_path / "p.csv"
    path.symlink_to(tmp_path / "mine.csv")
    for records in ([OK, BAD], [BAD]):
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
        writer.write([OK] * 9)
    assert path.stat().st_size == 400
