from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.dataset.manifest import Sample, read_manifest, write_manifest
from capsule_inspect.errors import DataError

GOOD = Sample("test/good/1.png", "good", "", "test", None, "ab" * 32, 40, 30)
CRACK = Sample(
    "test/crack/1.png", "crack", "masks/1.png", "train", 2, "cd" * 32, 640, 480, "ef" * 32, "part 3"
)

# Names a file system and UTF-8 can hold, without the control characters that `prepare` refuses.
names = st.text(
    st.characters(blacklist_categories=["Cc", "Cs"], blacklist_characters="/\\"), min_size=1
).filter(lambda name: name not in {".", ".."})


def test_a_manifest_is_this_text(tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.csv", [GOOD, CRACK])
    assert (tmp_path / "manifest.csv").read_bytes().decode() == (
        "path,label,mask,split,fold,sha256,width,height,mask_sha256,group\n"
        "test/crack/1.png,crack,masks/1.png,train,2," + f"{'cd' * 32},640,480,{'ef' * 32},part 3\n"
        "test/good/1.png,good,,test,," + "ab" * 32 + ",40,30,,\n"
    )


@given(name=names, label=names, fold=st.none() | st.integers(0, 9))
def test_what_is_written_is_read(tmp_path_factory, name, label, fold) -> None:
    odd = replace(CRACK, path=f"{label}/{name}", label=label, mask=f"m/{name}", fold=fold)
    manifest = tmp_path_factory.mktemp("set") / "manifest.csv"
    write_manifest(manifest, [odd, GOOD])
    assert read_manifest(manifest) == tuple(sorted([odd, GOOD], key=lambda sample: sample.path))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("path,label", "path,class", "has the column label 0 times, not once"),
        ("path,label", "path,label,label", "has the column label 2 times, not once"),
        (",40,30", ",forty,30", "line 2"),
        (",40,30", ",0,30", "line 2: a picture of 0 x 30 pixels"),
        (",40,30", ",40,-30", "line 2: a picture of 40 x -30 pixels"),
        (",40,30", ",40", "as many cells as the first"),
        (",40,30", ",40,30,1", "as many cells as the first"),
        (",test,", ",exam,", "'exam' is no split"),
        ("test/good/1.png", "../good/1.png", "leaves the data set's root"),
        ("test/good/1.png", "/good/1.png", "leaves the data set's root"),
        ("test/good/1.png", '"test/good', "line"),
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    manifest = tmp_path / "manifest.csv"
    write_manifest(manifest, [GOOD])
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=complaint):
        read_manifest(manifest)


@pytest.mark.parametrize(
    "saved",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace(",", ";").encode(),
        lambda text: text.replace(",", ";").replace("\n", "\r\n").encode("utf-8-sig"),
        lambda text: text.replace("\n", ",bad light\n").replace("bad light", "note", 1).encode(),
        lambda text: "".join(
            ",".join([line.split(",")[1], line.split(",")[0], *line.split(",")[2:]])
            for line in text.splitlines(keepends=True)
        ).encode(),
    ],
    ids=["mark", "utf-16", "semicolons", "all of Excel", "a column more", "another order"],
)
def test_a_manifest_is_read_as_a_spreadsheet_saves_it(tmp_path: Path, saved) -> None:
    manifest = tmp_path / "manifest.csv"
    write_manifest(manifest, [GOOD, CRACK])
    before = read_manifest(manifest)
    manifest.write_bytes(saved(manifest.read_text(encoding="utf-8")))
    assert read_manifest(manifest) == before


def test_an_older_manifest_knows_no_hashes_of_masks(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    write_manifest(manifest, [GOOD, CRACK])
    lines = manifest.read_text(encoding="utf-8").splitlines()
    manifest.write_text("".join(line.rsplit(",", 2)[0] + "\n" for line in lines))
    assert read_manifest(manifest) == (replace(CRACK, mask_sha256="", group=""), GOOD)


def test_a_picture_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    write_manifest(manifest, [GOOD, CRACK, replace(GOOD, split="train")])
    with pytest.raises(DataError, match=r"lists 'test/good/1\.png' twice"):
        read_manifest(manifest)


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes(b"path,\xff")
    with pytest.raises(DataError, match="not UTF-8"):
        read_manifest(tmp_path / "manifest.csv")


def test_an_empty_manifest_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.csv", [])
    with pytest.raises(DataError, match="lists no pictures"):
        read_manifest(tmp_path / "manifest.csv")
