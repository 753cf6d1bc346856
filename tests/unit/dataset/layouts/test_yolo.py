from pathlib import Path

import cv2
import numpy as np
import pytest

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.errors import DataError
from capsule_inspect.settings.groups import DataSettings

YAML = "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: crack\n  1: poke\n"
SQUARE = "1 0.25 0.2 0.75 0.2 0.75 0.6 0.25 0.6\n"
"""A square of 8 x 6 pixels, 4 from the left and 3 from the top, in a picture of 16 x 15."""


def save(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        picture = np.random.default_rng(number).integers(0, 255, (15, 16, 3)).astype(np.uint8)
        assert cv2.imwrite(str(file), picture)


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


@pytest.fixture
def root(tmp_path) -> Path:
    """Two pictures to train on, one of them good without a file, and a good one for val."""
    save(tmp_path, "images/train/a.png", "images/train/b.png", "images/val/c.png")
    write(tmp_path, "data.yaml", YAML)
    write(tmp_path, "labels/train/a.txt", SQUARE)
    write(tmp_path, "labels/val/c.txt", "\n")
    return tmp_path


def test_pictures_have_the_class_the_mask_and_the_split_of_their_files(root):
    found = discover(root)
    assert (found.layout, found.is_split) == ("YOLO", True)
    assert [(each.path, each.labels, each.split) for each in found.pictures] == [
        ("images/train/a.png", ("poke",), "train"),
        ("images/train/b.png", ("good",), "train"),
        ("images/val/c.png", ("good",), "val"),
    ]
    expected = np.zeros((15, 16), bool)
    expected[3:9, 4:12] = True
    assert np.array_equal(found.pictures[0].make_mask(15, 16), expected)


def test_prepare_writes_the_masks_and_keeps_the_split(root, tmp_path):
    prepare_dataset(root, tmp_path / "out", DataSettings())
    data = read_dataset(tmp_path / "out")
    assert data.classes == ("good", "poke")
    assert [each.split for each in data.samples] == ["train", "train", "val"]
    _, mask = data.read(data.samples[0])
    assert mask.sum() == 48


@pytest.mark.parametrize(
    ("folder", "labels", "yaml"),
    [
        ("train/images", "train/labels", "train: ../train/images\nnames: [crack, poke]\n"),
        ("images", "labels", "path: /home/me/capsules\ntrain: images\nnames: [crack, poke]\n"),
        ("images/train", "labels/train", "train: D:\\sets\\images\\train\nnames: [a, poke]\n"),
        ("pictures", "pictures", "train: [pictures]\nnames: {1: poke}\n"),
    ],
)
def test_folders_are_found_where_tools_put_them(tmp_path, folder, labels, yaml):
    save(tmp_path, f"{folder}/a.png", f"{folder}/b.png")
    write(tmp_path, "data.yaml", yaml)
    write(tmp_path, f"{labels}/a.txt", SQUARE)
    found = discover(tmp_path)
    assert [(each.path, each.label) for each in found.pictures] == [
        (f"{folder}/a.png", "poke"),
        (f"{folder}/b.png", "good"),
    ]


def test_boxes_give_a_class_and_no_mask(root):
    write(root, "labels/train/a.txt", "0 .5 .5 .2 .2\n0 .1 .1 .1 .1\n")
    first = discover(root).pictures[0]
    assert (first.label, first.has_mask) == ("crack", False)


def test_the_class_that_covers_most_comes_first(root):
    write(root, "labels/train/a.txt", "0 0 0 .1 0 .1 .1\n" + SQUARE)
    first = discover(root).pictures[0]
    assert first.labels == ("poke", "crack")
    assert first.make_mask(15, 16).sum() > 48


def test_text_files_without_a_picture_are_strays(root):
    write(root, "labels/train/b.png.txt", SQUARE)
    assert discover(root).stray_masks == ("labels/train/b.png.txt",)


def test_pictures_outside_the_splits_are_strays(root):
    save(root, "images/more/d.png")
    assert discover(root).stray_pictures == ("images/more/d.png",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9 .1 .1 .2 .1 .2 .2", "line 1 has the class 9, which data.yaml does not name"),
        (".5 .1 .1 .2 .1 .2 .2", "line 1 has the class .5"),
        ("\n0 .1 .1 .2 .1 x .2", "line 2 holds something else than numbers"),
        ("0 .1 .1 .2", "line 1 is neither a box"),
        ("0 .1 .1 .2 .1 .2 .2 .3", "line 1 is neither a box"),
        ("0 10 10 20 10 20 20", "line 1 holds a place outside the picture"),
        ("0 nan .1 .2 .1 .2 .2", "line 1 holds a place outside"),
        ("0 .1 .1 .2 .1 .2 .2\n0 .5 .5 .1 .1", "polygons and boxes"),
    ],
)
def test_a_damaged_line_is_named(root, complaint, text, said):
    write(root, "labels/train/a.txt", text)
    told = complaint(root)
    assert said in told
    assert "labels/train/a.txt'" in told


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("train: images/train\nnames: {a: b}", "`names` holds 'a'"),
        ("train: images/train\nnames: [yes, b]", "`names` holds 0: True"),
        ("train: images/nowhere\nnames: [a]", "names the folder 'images/nowhere' for `train`"),
        ("train: train.txt\nnames: [a]", "gives a list of pictures"),
        ("train: [{}]\nnames: [a]", "`train` is not the name of a folder"),
    ],
)
def test_a_damaged_description_is_named(root, yaml, said):
    write(root, "data.yaml", yaml)
    with pytest.raises(DataError, match=said) as error:
        discover(root)
    assert "data.yaml'" in str(error.value)


@pytest.mark.parametrize(
    "yaml",
    ["names: [", "- 1", "train: images/train", "names: [a]", "names: " + "[" * 3000 + "]" * 3000],
)
def test_another_yaml_file_claims_no_folder(root, yaml):
    write(root, "data.yaml", yaml)
    with pytest.raises(DataError, match="is not a data set itself"):
        discover(root)


def test_a_split_without_any_text_file_is_refused(root):
    (root / "labels/val/c.txt").unlink()
    with pytest.raises(DataError, match=r"No picture of the split `val` .* has a text file"):
        discover(root)


def test_text_in_another_encoding_is_named(root, complaint):
    (root / "labels/train/a.txt").write_bytes(b"0 \xff")
    assert "a.txt' is damaged: line 1 holds the byte 0xFF" in complaint(root)


def test_a_damaged_file_leaves_the_others_and_their_split(root, tmp_path):
    save(root, "images/train/a.png", "images/train/b.png", "images/val/c.png", "images/train/d.png")
    write(root, "labels/train/d.txt", "0 .1 .1 .2")
    prepared = prepare_dataset(root, tmp_path / "out", DataSettings(), skip_bad=True)
    fatal = [each.path for each in prepared.problems if each.fatal]
    assert fatal == ["images/train/d.png"]
    assert [(each.path, each.split) for each in prepared.data.samples] == [
        ("images/train/a.png", "train"),
        ("images/train/b.png", "train"),
        ("images/val/c.png", "val"),
    ]
