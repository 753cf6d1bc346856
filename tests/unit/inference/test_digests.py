import csv
import hashlib

import pytest

from capsule_inspect.inference.digests import DigestWriter, PictureDigests, read_chain

ONE = PictureDigests("a.png", "11", "22", "overlays/a.png.png", "33", "", "")
TWO = PictureDigests("b, c.png", "", "44", "", "", "", "")
THREE = PictureDigests("d.png", "55", "66", "", "", "masks/d.png.png", "77")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "digests.csv"


def write(path, pictures, keep=0):
    with DigestWriter(path, read_chain(path), keep) as writer:
        for each in pictures:
            writer.write(each)
    return writer


def test_each_line_ends_with_the_digest_of_the_one_before_and_of_itself(path):
    writer = write(path, [ONE, TWO])
    first = "a.png,11,22,overlays/a.png.png,33,,\n"
    one = hashlib.sha256(first.encode()).hexdigest()
    second = '"b, c.png",,44,,,,\n'
    two = hashlib.sha256((one + second).encode()).hexdigest()
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["chain"] for row in rows] == [one, two]
    assert (writer.count, writer.end) == (2, two)
    assert list(rows[0]) == [
        *("path", "picture_sha256", "rows_sha256", "overlay", "overlay_sha256"),
        *("mask", "mask_sha256", "chain"),
    ]


def test_what_was_written_is_read_back(path):
    writer = write(path, [ONE, TWO, THREE])
    chain = read_chain(path)
    assert chain.pictures == (ONE, TWO, THREE)
    assert (chain.ends[0], chain.ends[-1]) == ("", writer.end)
    assert chain.sizes[-1] == path.stat().st_size
    assert (chain.later, chain.breaks) == ((), ())
    assert THREE.files == {"masks/d.png.png": "77"}


def test_going_on_keeps_the_first_lines_as_they_are(path):
    write(path, [ONE, TWO, THREE])
    whole = path.read_bytes()
    assert write(path, [TWO, THREE], keep=1).count == 3
    assert path.read_bytes() == whole


@pytest.mark.parametrize("end", [b"", b"a.png,11", b"\0" * 40])
def test_going_on_after_a_power_cut(path, end):
    write(path, [ONE, TWO])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + end)
    chain = read_chain(path)
    assert chain.pictures == (ONE,)
    assert chain.breaks == ((3,) if end else ())
    write(path, [TWO], keep=1)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("change", ["edit", "remove"])
def test_the_chain_breaks_once_and_holds_again(path, change):
    write(path, [ONE, TWO, THREE, ONE])
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"44", b"45") if change == "edit" else b""
    path.write_bytes(b"".join(lines))
    chain = read_chain(path)
    assert chain.pictures == (ONE,)
    assert chain.breaks == (3,)
    assert chain.later == ((THREE, ONE) if change == "edit" else (ONE,))


def test_a_missing_file_breaks_at_its_first_line(path):
    assert read_chain(path).breaks == (1,)


def test_cells_are_guarded_as_those_of_the_rows(path):
    formula = PictureDigests("=x.png", "", "4", "overlays/=x.png.png", "5", "", "")
    write(path, [formula])
    assert path.read_text().splitlines()[1].startswith("'=x.png,")
    assert read_chain(path).pictures == (formula,)
