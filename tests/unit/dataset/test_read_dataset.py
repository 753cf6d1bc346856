import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from capsule_inspect.dataset.data_set import DataSet, class_order
from capsule_inspect.dataset.read_dataset import read_dataset
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.dataset.write_dataset import write_dataset
from capsule_inspect.errors import DataError

GOOD = Sample("test/good/1.png", "good", "", "test", None, "ab" * 32, 40, 30)
CRACK = Sample("test/crack/1.png", "crack", "masks/1.png", "train", 2, "cd" * 32, 640, 480)


def data_set(root: Path, *samples: Sample) -> DataSet:
    labels = [sample.label for sample in samples]
    return DataSet(root, class_order(labels), samples, 5, "somewhere", "CC0-1.0", "0.1.0")


@pytest.mark.parametrize("fold", [None, 0, 7])
@pytest.mark.parametrize("name", ["plain", "with, comma", '"quoted"', "=1+1", "Prüfung 品"])
def test_what_is_written_is_read(tmp_path: Path, name: str, fold: int | None) -> None:
    odd = replace(CRACK, path=f"{name}/1.png", label=name, mask=f"m/{name}.png", fold=fold)
    samples = sorted([odd, GOOD], key=lambda sample: sample.path)
    data = data_set(tmp_path.resolve(), *samples)
    write_dataset(tmp_path / "out", data)
    assert read_dataset(tmp_path / "out") == data


def test_good_alone_is_a_data_set(tmp_path: Path) -> None:
    write_dataset(tmp_path, data_set(tmp_path.resolve(), GOOD))
    assert read_dataset(tmp_path).classes == ("good",)


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


def test_labels_without_a_class_are_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path, data_set(tmp_path, GOOD))
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("good,,", "bad,,"))
    with pytest.raises(DataError, match=r"labels that dataset\.json does not name: bad"):
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


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("classes", ["crack", "good"], "does not start with `good`"),
        ("classes", [], "does not start with `good`"),
        ("classes", ["good", "crack", "crack"], "names a class twice"),
        ("classes", ["good", 3], "an entry of `classes` is 3, not a text"),
        ("classes", "good", "`classes` is 'good', not a list"),
        ("seed", 2.9, "`seed` is 2.9, not a whole number"),
        ("seed", "5", "`seed` is '5', not a whole number"),
        ("seed", -1, "`seed` is -1, out of range"),
        ("root", None, "`root` is not a text"),
        ("licence", 1, "`licence` is 1, not a text"),
    ],
)
def test_a_value_that_prepare_never_writes_is_refused(
    tmp_path: Path, key: str, value: object, complaint: str
) -> None:
    write_dataset(tmp_path, data_set(tmp_path, GOOD, CRACK))
    description = tmp_path / "dataset.json"
    description.write_text(json.dumps(json.loads(description.read_text()) | {key: value}))
    with pytest.raises(DataError, match=complaint) as refusal:
        read_dataset(tmp_path)
    assert str(refusal.value).startswith(f"'{description}' is damaged: ")


def test_what_is_not_needed_may_be_missing_and_more_may_be_said(tmp_path: Path) -> None:
    write_dataset(tmp_path, data_set(tmp_path, GOOD, CRACK))
    before = read_dataset(tmp_path)
    description = tmp_path / "dataset.json"
    document = json.loads(description.read_text()) | {"note": "mine"}
    del document["counts"]
    description.write_text(json.dumps(document))
    assert read_dataset(tmp_path) == before
