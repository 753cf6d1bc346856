import json
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from capsule_inspect.dataset.data_set import (
    DataSet,
    class_order,
    read_dataset,
    write_dataset,
)
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.pixel_hash import hash_mask, hash_picture
from capsule_inspect.errors import DataError, PictureError

GOOD = Sample("test/good/1.png", "good", "", "test", None, "ab" * 32, 40, 30)
CRACK = Sample("test/crack/1.png", "crack", "masks/1.png", "train", 2, "cd" * 32, 640, 480)
SECOND = replace(GOOD, path="test/good/2.png", sha256="01" * 32)
DATA = DataSet(Path(), ("good", "crack"), (CRACK, GOOD, SECOND), 0, "somewhere", "none", "1")


def test_good_comes_first_and_the_rest_is_sorted() -> None:
    assert class_order(["poke", "good", "crack", "poke"]) == ("good", "crack", "poke")


def test_the_pictures_of_a_split_come_by_path() -> None:
    assert DATA.of_split("train") == (CRACK,)
    assert DATA.of_split("val") == ()
    assert DATA.of_split("test") == (GOOD, SECOND)


def test_counts_are_by_class_and_split() -> None:
    assert [DATA.count("good", split) for split in ("train", "val", "test")] == [0, 0, 2]
    assert [DATA.count("crack", split) for split in ("train", "val", "test")] == [1, 0, 0]


def test_the_hashes_are_of_the_sorted_hashes_of_the_pictures() -> None:
    assert DATA.training_sha256 == sha256(b"cd" * 32).hexdigest()
    assert DATA.pictures_sha256 == sha256(b"01" * 32 + b"ab" * 32 + b"cd" * 32).hexdigest()


def test_neither_order_nor_names_nor_splits_change_the_hash_of_all() -> None:
    samples = [replace(s, path=f"{i}.png", split="train") for i, s in enumerate(DATA.samples)]
    moved = replace(DATA, samples=tuple(reversed(samples)))
    assert moved.pictures_sha256 == moved.training_sha256 == DATA.pictures_sha256


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
        ("mask_root", 1, "`mask_root` is not a text"),
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


def written_set(root: Path) -> DataSet:
    return DataSet(root, ("good", "crack"), (CRACK, GOOD), 5, "somewhere", "CC0-1.0", "0.1.0")


def test_the_description_has_these_keys(tmp_path: Path) -> None:
    write_dataset(tmp_path / "out", written_set(tmp_path))
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


def test_nothing_but_the_two_files_is_left(tmp_path: Path) -> None:
    write_dataset(tmp_path / "out", written_set(tmp_path))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["dataset.json", "manifest.csv"]


def test_a_root_inside_is_written_relative_to_the_folder(tmp_path: Path) -> None:
    write_dataset(tmp_path, written_set(tmp_path / "pictures"))
    assert json.loads((tmp_path / "dataset.json").read_text())["root"] == "pictures"


def test_made_masks_have_a_root_of_their_own(tmp_path: Path) -> None:
    made = replace(written_set(tmp_path.resolve()), mask_root=(tmp_path / "out").resolve())
    write_dataset(tmp_path / "out", made)
    description = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert (description["root"], description["mask_root"]) == (tmp_path.resolve().as_posix(), ".")
    assert read_dataset(tmp_path / "out") == made


def sample(label: str, mask: str = "") -> Sample:
    return Sample("a.png", label, mask, "test", None, "", 8, 4)


PICTURE = np.random.default_rng(0).integers(0, 256, (4, 8, 3), np.uint8)


@pytest.fixture
def data(tmp_path: Path, save_picture) -> DataSet:
    mask = np.zeros((4, 8), np.uint8)
    mask[1, 2:5] = 1, 7, 255
    save_picture(tmp_path / "mask.png", mask)
    save_picture(tmp_path / "a.png", PICTURE)
    return DataSet(tmp_path, ("good", "crack"), (), 0, "", "", "1")


def test_a_picture_is_read_from_the_root(data):
    np.testing.assert_array_equal(data.read_picture(sample("good")), PICTURE)
    np.testing.assert_array_equal(data.read(sample("good"))[0], PICTURE)


def test_pixels_that_changed_since_they_were_prepared_are_refused(data, save_picture):
    mask = np.array([[0, 200]] * 2, np.uint8)
    save_picture(data.root / "mask.png", mask)
    save_picture(data.root / "a.png", PICTURE[:2, :2])
    defect = replace(
        sample("crack", "mask.png"),
        sha256=hash_picture(PICTURE[:2, :2]),
        mask_sha256=hash_mask(mask),
    )
    for now in (data, replace(data, checks_pixels=True)):
        assert now.read(defect)[1].sum() == 2
    strict = replace(data, checks_pixels=True)
    save_picture(data.root / "mask.png", mask[::-1, ::-1].copy())
    assert data.read(defect)[1].sum() == 2
    with pytest.raises(DataError, match=r"The mask 'mask\.png' has changed since"):
        strict.read(defect)
    assert strict.read(replace(defect, mask_sha256=""))[1].sum() == 2  # of an older manifest
    save_picture(data.root / "a.png", PICTURE[:2, 2:4])
    for read in (strict.read, strict.read_picture):
        with pytest.raises(DataError, match=r"The picture 'a\.png' has changed since"):
            read(defect)
    assert data.read_picture(defect).shape == (2, 2, 3)


def test_a_data_set_folder_is_held_against_its_pictures(tmp_path):
    write_dataset(tmp_path, written_set(tmp_path))
    assert read_dataset(tmp_path).checks_pixels


@pytest.mark.parametrize("changed", [{"split": "train"}, {"fold": 1}])
def test_a_picture_in_two_splits_or_folds_is_refused(tmp_path, changed):
    copy = replace(GOOD, path="test/good/copy.png")
    write_dataset(tmp_path, replace(written_set(tmp_path), samples=(GOOD, copy)))
    assert len(read_dataset(tmp_path).samples) == 2
    write_dataset(
        tmp_path, replace(written_set(tmp_path), samples=(GOOD, replace(copy, **changed)))
    )
    with pytest.raises(DataError, match=r"1\.png' and 'test/good/copy\.png' are the same"):
        read_dataset(tmp_path)


def test_the_hash_of_the_data_is_of_all_that_a_run_learns_from():
    data = DataSet(Path(), ("good", "crack"), (GOOD, CRACK), 0, "", "", "1")
    changes = [
        {"sha256": "12" * 32},
        {"label": "chip"},
        {"split": "val"},
        {"fold": 0},
        {"mask_sha256": "34" * 32},
        {"group": "part 3"},
    ]
    others = [replace(data, samples=(GOOD, replace(CRACK, **change))) for change in changes]
    assert len({each.data_sha256 for each in (data, *others)}) == len(others) + 1
    moved = replace(CRACK, path="elsewhere/1.png", mask="elsewhere/2.png")
    assert replace(data, samples=(moved, GOOD)).data_sha256 == data.data_sha256


def test_a_missing_picture_is_named(data):
    for read in (data.read, data.read_picture):
        with pytest.raises(PictureError, match=r"nowhere\.png"):
            read(replace(sample("good"), path="nowhere.png"))


def test_a_pixel_of_half_the_range_is_defect(data, save_picture):
    mask = np.zeros((4, 8), np.uint8)
    mask[1] = 0, 127, 128, 200, 255, 20, 0, 0
    save_picture(data.root / "mask.png", mask)
    _, truth = data.read(sample("crack", "mask.png"))
    assert truth.dtype == np.bool_
    assert [tuple(place) for place in np.argwhere(truth)] == [(1, 2), (1, 3), (1, 4)]


def test_a_good_picture_has_no_defect_pixel(data):
    _, truth = data.read(sample("good"))
    assert truth.shape == (4, 8)
    assert not truth.any()


def test_of_an_unmasked_defect_nothing_is_known(data):
    assert data.read(sample("crack"))[1] is None


def test_a_mask_of_another_picture_is_refused(data, tmp_path, save_picture):
    save_picture(tmp_path / "a.png", np.zeros((5, 8, 3), np.uint8))
    with pytest.raises(DataError, match=r"mask 'mask.png' is not of the size"):
        data.read(sample("crack", "mask.png"))


def test_made_masks_are_read_from_their_own_root(data, tmp_path, save_picture):
    save_picture(tmp_path / "made" / "mask.png", np.full((4, 8), 255, np.uint8))
    _, truth = replace(data, mask_root=tmp_path / "made").read(sample("crack", "mask.png"))
    assert truth.all()


def test_a_missing_mask_is_named(data):
    with pytest.raises(PictureError, match=r"nowhere.png"):
        data.read(sample("crack", "nowhere.png"))
