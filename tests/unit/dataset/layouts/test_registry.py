import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.dataset.layouts import registry
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture, MakeMask
from capsule_inspect.dataset.layouts.registry import discover, layouts, register
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.settings.groups import DataSettings


@pytest.mark.parametrize("inner", ["good/a.png", "train/good/a.png"])
def test_the_parent_of_a_data_set_is_told_apart(tmp_path: Path, touch, inner: str) -> None:
    touch(tmp_path, f"capsule/{inner}")
    with pytest.raises(DataError, match=r"Give '.*capsule'"):
        discover(tmp_path)


def test_without_good_the_classes_found_are_listed(tmp_path: Path, touch) -> None:
    touch(tmp_path, "fine/a.png", "crack/a.png", "notes/a.txt")
    with pytest.raises(DataError, match=r"`good`.* crack, fine\. .*data\.good=NAME"):
        discover(tmp_path)


def test_an_empty_good_is_no_class(tmp_path: Path, touch) -> None:
    touch(tmp_path, "good/a.txt", "crack/a.png")
    with pytest.raises(DataError, match=r"no pictures of the class `good`.* crack\."):
        discover(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folders with pictures"):
        discover(tmp_path)


def test_what_is_no_folder_is_refused(tmp_path: Path, touch) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        discover(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="unpack"):
        discover(touch(tmp_path, "capsule.tar.xz") / "capsule.tar.xz")


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, touch, monkeypatch) -> None:
    touch(tmp_path, "good/a.png", "crack/a.png")

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=r"cannot be read: Permission denied\."):
        discover(tmp_path)


class CsvList:
    """Pictures listed in labels.csv: path, label and mask file."""

    name = "CSV list"
    sign = "file `labels.csv`"

    def matches(self, root: Path) -> bool:
        return (root / "labels.csv").is_file()

    def discover(self, root: Path) -> Discovery:
        with (root / "labels.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        pictures = tuple(
            FoundPicture(row["path"], (row["label"],), (row["mask"],) if row["mask"] else ())
            for row in rows
        )
        return Discovery(root, self.name, pictures)


class Polygons:
    """Pictures with polygons in polygons.json: of each path, labels and the points of each."""

    name = "polygons"
    sign = "file `polygons.json`"

    def matches(self, root: Path) -> bool:
        return (root / "polygons.json").is_file()

    def discover(self, root: Path) -> Discovery:
        document = json.loads((root / "polygons.json").read_text(encoding="utf-8"))
        pictures = tuple(
            FoundPicture(path, tuple(each["labels"]), make_mask=self.filled(each["polygons"]))
            for path, each in document.items()
        )
        return Discovery(root, self.name, pictures)

    def filled(self, polygons: list[list[list[int]]]) -> MakeMask:
        def make(height: int, width: int) -> NDArray[np.bool_]:
            mask = np.zeros((height, width), np.uint8)
            cv2.fillPoly(mask, [np.array(points) for points in polygons], 1)
            return mask > 0

        return make


@pytest.fixture
def from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers both layouts for one test."""
    monkeypatch.setattr(registry, "_LAYOUTS", list(layouts()))
    register(CsvList())
    register(Polygons())


@pytest.mark.usefixtures("from_outside")
def test_a_new_layout_takes_precedence() -> None:
    names = [layout.name for layout in layouts()]
    assert names == [
        "polygons",
        "CSV list",
        "folder per class",
        "COCO",
        "YOLO",
        "LabelMe",
        "Pascal VOC",
        "CVAT",
        "Label Studio",
        "split folders",
        "MVTec AD",
    ]


def write_list(root: Path, *rows: tuple[str, str, str]) -> None:
    with (root / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "mask"), *rows])


@pytest.mark.usefixtures("from_outside")
def test_a_listed_set_is_split_as_the_same_pictures_in_class_folders(
    drawn_folder: Path, tmp_path: Path
) -> None:
    usual = prepare_dataset(drawn_folder, tmp_path / "usual", DataSettings()).data
    root = tmp_path / "listed"
    shutil.copytree(drawn_folder, root)
    write_list(root, *((s.path, s.label, s.mask) for s in reversed(usual.samples)))
    listed = prepare_dataset(root, tmp_path / "out", DataSettings()).data
    assert listed.source == "listed (CSV list)"
    assert listed.samples == usual.samples
    assert listed == read_dataset(tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["dataset.json", "manifest.csv"]


def write_polygons(root: Path, save_picture) -> None:
    """Four good pictures and four cracked ones, whose polygons differ in their last column."""
    chance = np.random.default_rng(0)
    document: dict[str, dict[str, list[object]]] = {}
    for number in range(8):
        path = f"images/{number}.jpg" if number % 2 else f"images/{number}.png"
        save_picture(root / path, chance.integers(0, 256, (12, 16, 3), np.uint8))
        end = 4 + number
        box = [[2, 1], [end, 1], [end, 3], [2, 3]]
        document[path] = {
            "labels": ["crack"] if number < 4 else ["good"],
            "polygons": [box] if number < 4 else [],
        }
    (root / "polygons.json").write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.usefixtures("from_outside")
def test_masks_of_polygons_are_made_into_the_data_set_folder(tmp_path: Path, save_picture) -> None:
    write_polygons(tmp_path / "in", save_picture)
    prepared = prepare_dataset(tmp_path / "in", tmp_path / "out", DataSettings())
    (remark,) = prepared.problems
    assert remark.message.startswith("No capsule is found on 8 of 8 pictures. For another product")
    data = read_dataset(tmp_path / "out")
    assert data == prepared.data
    assert [sample.mask for sample in data.samples] == [
        "masks/images/0.png.png",
        "masks/images/1.jpg.png",
        "masks/images/2.png.png",
        "masks/images/3.jpg.png",
        *[""] * 4,
    ]
    for number, sample in enumerate(data.samples):
        _, mask = data.read(sample)
        expected = np.zeros((12, 16), np.bool_)
        if number < 4:
            expected[1:4, 2 : 5 + number] = True  # an outline belongs to its polygon
        np.testing.assert_array_equal(mask, expected)
    made = sorted(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.png"))
    assert made == [Path(sample.mask) for sample in data.samples[:4]]
    assert sorted(p.name for p in (tmp_path / "in").iterdir()) == ["images", "polygons.json"]


@pytest.mark.usefixtures("from_outside")
def test_made_masks_move_with_the_folder_and_pictures_by_themselves(
    tmp_path: Path, save_picture
) -> None:
    write_polygons(tmp_path / "in", save_picture)
    before = prepare_dataset(tmp_path / "in", tmp_path / "out", DataSettings()).data
    shutil.move(tmp_path / "out", tmp_path / "moved")
    shutil.move(tmp_path / "in", tmp_path / "elsewhere")
    after = read_dataset(tmp_path / "moved", tmp_path / "elsewhere")
    roots = {"root": tmp_path / "elsewhere", "mask_root": tmp_path / "moved"}
    assert after == replace(before, **{name: path.resolve() for name, path in roots.items()})
    assert [bool(after.read(sample)[1].any()) for sample in after.samples] == [True] * 4 + [
        False
    ] * 4


@pytest.mark.usefixtures("from_outside")
def test_a_layout_of_your_own_takes_precedence(tmp_path: Path, touch) -> None:
    touch(tmp_path, "good/a.png", "crack/a.png")
    write_list(tmp_path, ("good/a.png", "good", ""))
    assert discover(tmp_path) == Discovery(
        tmp_path.resolve(), "CSV list", (FoundPicture("good/a.png", ("good",)),)
    )


@pytest.mark.usefixtures("from_outside")
def test_a_folder_in_no_layout_is_told_what_each_looks_for(tmp_path: Path, touch) -> None:
    touch(tmp_path, "fine/a.png")
    with pytest.raises(DataError) as refusal:
        discover(tmp_path)
    assert str(refusal.value) == (
        f"'{tmp_path}' has no file `polygons.json` (polygons), no file `labels.csv` (CSV list), no "
        "folder `good` (folder per class), no file `annotations.json`, `instances_*.json` or "
        "`_annotations.coco.json` (COCO), no file `data.yaml` (YOLO), no file "
        "`NAME.json` beside a picture `NAME` (LabelMe), no folder `Annotations` of XML files or "
        "`SegmentationClass` (Pascal VOC), no file `annotations.xml` (CVAT), no file of the export "
        "`JSON` or `JSON_MIN` (Label Studio), no folder `train` and `val` (split folders) and no "
        "folder `train` or `test` (MVTec AD). It has folders with pictures: fine. Say which one "
        "holds the parts without a defect: data.good=NAME."
    )


@pytest.mark.usefixtures("from_outside")
def test_a_file_of_annotations_that_cannot_be_read_is_named(
    tmp_path: Path, touch, monkeypatch
) -> None:
    touch(tmp_path, "labels.csv")

    def refuse(file: Path, *_args: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"labels\.csv' cannot be read: Permission denied\."):
        discover(tmp_path)
