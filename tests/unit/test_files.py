import errno
import threading

import pytest

from capsule_inspect.files import (
    atomic_write,
    read_text,
    write_bytes,
    write_csv,
    write_json,
    write_text,
)


def test_until_it_is_whole_the_old_file_stands(tmp_path):
    file = tmp_path / "model.keras"
    file.write_bytes(b"old")
    with atomic_write(file) as unfinished:
        unfinished.write_bytes(b"half")
        assert unfinished.suffix == ".keras"
        assert file.read_bytes() == b"old"
        unfinished.write_bytes(b"whole")
    assert file.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_names_the_file_that_was_to_be_written(tmp_path):
    file = tmp_path / "model.keras"
    with pytest.raises(OSError, match="No space") as caught, atomic_write(file):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(file)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_bytes(b"old")

    def write_half(unfinished):
        unfinished.write_bytes(b"half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"), atomic_write(file) as unfinished:
        write_half(unfinished)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_threads_do_not_write_to_one_name(tmp_path):
    names, both = set(), threading.Barrier(2, timeout=10)

    def write(name):
        with atomic_write(tmp_path / name) as unfinished:
            both.wait()
            names.add(unfinished)
            unfinished.touch()

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a.png", "b.png")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_file_can_have_the_longest_of_names(tmp_path):
    file = tmp_path / f"{'a' * 251}.png"
    write_bytes(file, b"picture")
    assert file.read_bytes() == b"picture"


def test_line_ends_of_a_text_stay_as_they_are(tmp_path):
    write_text(tmp_path / "notes", "é\nb\r\n")
    assert (tmp_path / "notes").read_bytes() == "é\nb\r\n".encode()


def test_json_is_indented_sorted_and_ends_its_last_line(tmp_path):
    write_json(tmp_path / "metrics.json", {"n": 2, "classes": ["good"]})
    text = (tmp_path / "metrics.json").read_bytes()
    assert text == b'{\n  "classes": [\n    "good"\n  ],\n  "n": 2\n}\n'


def test_rows_have_line_feeds_and_quotes_where_they_must(tmp_path):
    write_csv(tmp_path / "rows.csv", [("path", "fold"), ('é,"1".png', 0), ("b.png", None)])
    expected = 'path,fold\n"é,""1"".png",0\nb.png,\n'
    assert (tmp_path / "rows.csv").read_bytes() == expected.encode()


def test_rows_that_cannot_be_made_leave_the_old_file(tmp_path):
    def rows():
        yield ("path",)
        raise ValueError("no more")

    file = tmp_path / "rows.csv"
    file.write_bytes(b"old")
    with pytest.raises(ValueError, match="no more"):
        write_csv(file, rows())
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_with_or_without_a_byte_order_mark(tmp_path, encoding):
    file = tmp_path / "text"
    file.write_bytes("für\r\n€\n".encode(encoding))
    assert read_text(file) == "für\r\n€\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a\nfür\n".encode("latin-1"), "line 2 holds the byte 0xFC, which is not UTF-8"),
        (b"\xff\xfea\x00b", "line 1 holds the byte"),
    ],
)
def test_text_in_another_encoding_is_refused_with_the_line(tmp_path, data, message):
    file = tmp_path / "text"
    file.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_text(file)
