import json
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.dataset.manifest import (
    DataSet,
    Sample,
    class_order,
    pictures_sha256,
    read_dataset,
    training_sha256,
    write_dataset,
)
from capsule_inspect.errors import DataError

GOOD = Sample("test/good/1.png", "good", "", "test", None, "ab" * 32, 40, 30)
CRACK = Sample("test/crack/1.png", "crack", "masks/1.png", "train", 2, "cd" * 32, 640, 480)

# Names a file system and UTF-8 can hold, without the control characters that `prepare` refuses.
names = st.text(
    st.characters(blacklist_categories=["Cc", "Cs"], blacklist_characters="/\\"), min_size=1
).filter(lambda name: name not in {".", ".."})


def data_set(root: Path, *samples: Sample) -> DataSet:
    labels = [sample.label for sample in samples]
    return DataSet(root, class_order(labels), samples, 5, "somewhere", "CC0-1.0", "0.1.0")


def test_a_manifest_is_these_bytes(tmp_path: Path) -> None:
    write_dataset(tmp_path / "out", data_set(tmp_path, GOOD, CRACK))
    assert (tmp_path / "out" / "manifest.csv").read_bytes() == (
        b"path,label,mask,split,fold,sha256,width,height\n"
        b"test/crack/1.png,crack,masks/1.png,train,2," + b"cd" * 32 + b",640,480\n"
        b"test/good/1.png,good,,test,," + b"ab" * 32 + b",40,30\n"
    )


def test_the_description_has_these_keys(tmp_path: Path) -> None:
    write_dataset(tmp_path / "out", data_set(tmp_path, CRACK, GOOD))
    text = (tmp_path / "out" / "dataset.json").read_text()
    description = json.loads(text)
    assert description == {
        "classes": ["good", "crack"],
        "counts": {
            "crack": {"test": 0, "train": 1, "val": 0},
            "good": {"test": 1, "train": 0, "val": 0},
        },
        "licence": "CC0-1.0",
        "root": tmp_path.as_posix(),
        "seed": 5,
        "source": "somewhere",
        "tool_version": "0.1.0",
    }
    assert text == json.dumps(description, indent=2, sort_keys=True) + "\n"


@given(name=names, label=names, fold=st.none() | st.integers(0, 9))
def test_what_is_written_is_read(tmp_path_factory, name, label, fold) -> None:
    folder = tmp_path_factory.mktemp("set")
    odd = replace(CRACK, path=f"{label}/{name}", label=label, mask=f"m/{name}", fold=fold)
    data = data_set(folder.resolve(), *sorted([odd, GOOD], key=lambda sample: sample.path))
    write_dataset(folder / "out", data)
    assert read_dataset(folder / "out") == data


def test_nothing_but_the_two_files_is_left(tmp_path: Path) -> None:
    write_dataset(tmp_path / "out", data_set(tmp_path, GOOD))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["dataset.json", "manifest.csv"]


def test_a_folder_that_holds_its_pictures_can_be_moved(tmp_path: Path) -> None:
    write_dataset(tmp_path / "out", data_set(tmp_path / "out", GOOD))
    shutil.move(tmp_path / "out", tmp_path / "moved")
    assert read_dataset(tmp_path / "moved").root == (tmp_path / "moved").resolve()


def test_the_given_root_overrides(tmp_path: Path) -> None:
    write_dataset(tmp_path / "out", data_set(tmp_path / "gone", GOOD))
    with pytest.raises(DataError, match=r"gone.*--data-root"):
        read_dataset(tmp_path / "out")
    (tmp_path / "here").mkdir()
    read = read_dataset(tmp_path / "out", tmp_path / "here")
    assert read.root == (tmp_path / "here").resolve()


def test_a_folder_that_is_none_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="capsule-inspect prepare"):
        read_dataset(tmp_path / "nothing")


@pytest.mark.parametrize("missing", ["manifest.csv", "dataset.json"])
def test_a_folder_that_lacks_one_of_the_files_is_refused(tmp_path: Path, missing: str) -> None:
    write_dataset(tmp_path, data_set(tmp_path, GOOD))
    (tmp_path / missing).unlink()
    with pytest.raises(DataError, match=r"lacks manifest\.csv or dataset\.json"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("path,label", "label,path", "does not start with the line"),
        (",40,30", ",forty,30", "line 2"),
        (",40,30", ",40", "8 cells"),
        (",40,30", ",40,30,1", "8 cells"),
        (",test,", ",exam,", "'exam' is no split"),
        ("test/good/1.png", "../good/1.png", "leaves the data set's root"),
        ("test/good/1.png", "/good/1.png", "leaves the data set's root"),
        ("good,,", "bad,,", "labels that dataset.json does not name: bad"),
        ("test/good/1.png", '"test/good', "line"),
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    write_dataset(tmp_path, data_set(tmp_path, GOOD))
    manifest = tmp_path / "manifest.csv"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new))
    with pytest.raises(DataError, match=complaint):
        read_dataset(tmp_path)


def test_an_empty_manifest_is_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path, data_set(tmp_path))
    with pytest.raises(DataError, match="lists no pictures"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", "is not JSON"),
        (b"[]", "JSON object"),
        (b"\xff", "not UTF-8"),
        (b'{"root": "."}', "damaged"),
        (b'{"root": ".", "classes": 3}', "damaged"),
    ],
)
def test_a_damaged_description_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    write_dataset(tmp_path, data_set(tmp_path, GOOD))
    (tmp_path / "dataset.json").write_bytes(content)
    with pytest.raises(DataError, match=complaint):
        read_dataset(tmp_path)


def test_good_comes_first_and_the_rest_is_sorted() -> None:
    assert class_order(["poke", "good", "crack", "poke"]) == ("good", "crack", "poke")


def test_counts_are_by_class_and_split(tmp_path: Path) -> None:
    data = data_set(tmp_path, GOOD, CRACK, replace(GOOD, path="2.png"))
    assert [data.count("good", split) for split in ("train", "val", "test")] == [0, 0, 2]


def test_pictures_are_known_by_the_hash_of_their_sorted_hashes(tmp_path: Path) -> None:
    last = replace(GOOD, path="z.png", split="train", sha256="0f" * 32)
    data = data_set(tmp_path, GOOD, CRACK, last)  # of which the first is no training picture
    assert training_sha256(data) == sha256(b"0f" * 32 + b"cd" * 32).hexdigest()
    assert pictures_sha256(data) == sha256(b"0f" * 32 + b"ab" * 32 + b"cd" * 32).hexdigest()
