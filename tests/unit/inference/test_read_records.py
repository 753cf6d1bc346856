from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.errors import DataError
from capsule_inspect.inference.read_records import read_records
from capsule_inspect.inference.record import Record
from capsule_inspect.inference.record_writer import RecordWriter
from capsule_inspect.printable import printable

CLASSES = ("good", "crack", "poke")
OK = Record("a.png", "ok", 0, "poke", 0.75, 0.875, 0.5, (0.125, 0.125, 0.75))
BAD = Record(path="b.png", status="error", error="b.png is empty.")


def write(path: Path, *records: Record) -> Path:
    with RecordWriter(path, CLASSES) as writer:
        writer.write(records)
    return path


records = st.builds(
    replace,
    st.sampled_from([OK, BAD]),
    path=st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    warning=st.sampled_from(["", "=1+1", "'x", "a\nb", "a\r", "\rb", "\r\n", 'q"q', "a,b", "\0"]),
)


@given(st.lists(records, max_size=4))
def test_what_is_written_is_read_back(tmp_path_factory, records):
    path = tmp_path_factory.getbasetemp() / "round.csv"
    assert read_records(write(path, *records)) == tuple(records)


@given(st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name))
def test_any_file_name_can_be_written(tmp_path_factory, name):
    text = printable(name.decode("utf-8", "surrogateescape"))
    path = tmp_path_factory.getbasetemp() / "names.csv"
    assert read_records(write(path, replace(OK, path=text)))[0].path == text


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
