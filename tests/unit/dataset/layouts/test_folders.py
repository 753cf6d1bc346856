from pathlib import Path

import pytest

from capsule_inspect.dataset.layouts.discovery import Discovery
from capsule_inspect.dataset.layouts.registry import discover


def listed(found: Discovery) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(picture.path, picture.label, picture.masks) for picture in found.pictures]


def test_a_folder_per_class_with_masks_of_either_name(tmp_path: Path, touch) -> None:
    touch(tmp_path, "good/a.png", "crack/a.png", "crack/b.bmp", "poke/c.png")
    touch(tmp_path, "masks/crack/a.png", "masks/crack/b_mask.tif")
    found = discover(tmp_path)
    assert found.layout == "folder per class"
    assert listed(found) == [
        ("crack/a.png", "crack", ("masks/crack/a.png",)),
        ("crack/b.bmp", "crack", ("masks/crack/b_mask.tif",)),
        ("good/a.png", "good", ()),
        ("poke/c.png", "poke", ()),
    ]


def test_extensions_count_in_any_case_and_other_files_do_not(tmp_path: Path, touch) -> None:
    names = ["a.PNG", "b.Jpg", "c.jpeg", "d.BMP", "e.tif", "f.TIFF", "g.webp"]
    touch(tmp_path, *(f"good/{name}" for name in [*names, "h.txt", "Thumbs.db", "png"]))
    assert [picture.path for picture in discover(tmp_path).pictures] == [
        f"good/{name}" for name in names
    ]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path, touch) -> None:
    touch(tmp_path, "good/a.png", "good/.b.png", ".crack/a.png", "good/.old/a.png")
    assert [picture.path for picture in discover(tmp_path).pictures] == ["good/a.png"]


def test_links_that_lead_in_a_circle_are_left_out(tmp_path: Path, touch) -> None:
    touch(tmp_path, "good/deep/a.png")
    (tmp_path / "good" / "deep" / "back").symlink_to(tmp_path / "good")
    (tmp_path / "crack").symlink_to(touch(tmp_path / ".elsewhere", "b.png"))
    assert listed(discover(tmp_path)) == [
        ("crack/b.png", "crack", ()),
        ("good/deep/a.png", "good", ()),
    ]


def test_masks_mirror_the_folders_in_a_class(tmp_path: Path, touch) -> None:
    touch(tmp_path, "good/a.png", "crack/day1/a.png", "crack/day2/a.png")
    touch(tmp_path, "masks/crack/day2/a_mask.png")
    assert listed(discover(tmp_path))[:2] == [
        ("crack/day1/a.png", "crack", ()),
        ("crack/day2/a.png", "crack", ("masks/crack/day2/a_mask.png",)),
    ]


def test_all_masks_that_fit_a_picture_are_named(tmp_path: Path, touch) -> None:
    touch(tmp_path, "good/a.png", "crack/a.png", "masks/crack/a.png", "masks/crack/a_mask.png")
    masks = discover(tmp_path).pictures[0].masks
    assert masks == ("masks/crack/a.png", "masks/crack/a_mask.png")


def test_folders_of_thumbnails_are_left_out_and_listed(tmp_path, touch):
    touch(tmp_path, "good/a.png", "crack/b.png", "good/@eaDir/a.png/THUMB.jpg", "@eaDir/good/c.png")
    found = discover(tmp_path)
    assert [picture.path for picture in found.pictures] == ["crack/b.png", "good/a.png"]
    assert found.kept_by_systems == ("@eaDir/good/c.png", "good/@eaDir/a.png/THUMB.jpg")


@pytest.mark.parametrize(
    "mask",
    [
        "mask/crack/0.png",
        "Masks/crack/0_mask.png",
        "Ground_truth/crack/0.png",
        "gt/crack/0.png",
        "labels/crack/0.png",
        "crack/masks/0.png",
        "crack/GT/0_mask.png",
        "masks/0.png",
        "ground-truth/0_mask.png",
    ],
)
def test_masks_are_known_by_their_folder_wherever_it_lies(tmp_path, touch, mask):
    touch(tmp_path, "good/1.png", "crack/0.png", mask)
    found = discover(tmp_path)
    assert listed(found) == [("crack/0.png", "crack", (mask,)), ("good/1.png", "good", ())]
    assert not found.stray_masks


def test_masks_lie_beside_a_folder_of_pictures_in_a_class(tmp_path, touch):
    touch(tmp_path, "good/1.png", "crack/images/0.png", "crack/masks/0.png")
    assert listed(discover(tmp_path))[0] == ("crack/images/0.png", "crack", ("crack/masks/0.png",))


def test_a_mask_in_no_folder_of_a_class_is_a_stray_if_its_name_is_not_unique(tmp_path, touch):
    touch(tmp_path, "good/0.png", "crack/0.png", "crack/2.png", "masks/0.png", "masks/1.png")
    found = discover(tmp_path)
    assert not any(masks for _, _, masks in listed(found))
    assert found.stray_masks == ("masks/0.png", "masks/1.png")


def test_class_folders_hold_a_split_if_all_of_them_do(tmp_path, touch):
    places = ("good/train/a.png", "good/Test/b.png", "crack/train/c.png", "crack/Test/d.png")
    found = discover(touch(tmp_path, *places))
    assert {each.path: each.split for each in found.pictures} == {
        "good/train/a.png": "train",
        "good/Test/b.png": "test",
        "crack/train/c.png": "train",
        "crack/Test/d.png": "test",
    }
    assert found.is_split
    assert not discover(touch(tmp_path, "crack/e.png")).is_split


def test_split_folders_beside_the_classes_are_no_classes(tmp_path, touch):
    touch(tmp_path, "good/a.png", "crack/b.png", "train/good/c.png", "Val/ok/d.png", "test/e.png")
    found = discover(tmp_path)
    assert [each.label for each in found.pictures] == ["crack", "good", "test"]
    assert found.stray_pictures == ("Val/ok/d.png", "train/good/c.png")
