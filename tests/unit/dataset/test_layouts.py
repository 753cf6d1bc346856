from pathlib import Path

import pytest

from capsule_inspect.dataset.layouts import Discovery, FoundPicture, discover
from capsule_inspect.errors import DataError, UsageError


def touch(root: Path, *names: str) -> Path:
    """Makes empty files: discovering reads none."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def listed(found: Discovery) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(picture.path, picture.label, picture.masks) for picture in found.pictures]


def test_mvtec_pools_train_and_test(tmp_path: Path) -> None:
    touch(tmp_path, "train/good/000.png", "test/good/000.png", "test/crack/000.jpg")
    touch(tmp_path, "ground_truth/crack/000_mask.png", "license.txt", "readme.txt")
    assert discover(tmp_path) == Discovery(
        root=tmp_path.resolve(),
        layout="MVTec AD",
        pictures=(
            FoundPicture("test/crack/000.jpg", "crack", ("ground_truth/crack/000_mask.png",)),
            FoundPicture("test/good/000.png", "good", ()),
            FoundPicture("train/good/000.png", "good", ()),
        ),
        stray_masks=(),
        stray_pictures=(),
    )


def test_mvtec_masks_belong_to_test_pictures_only(tmp_path: Path) -> None:
    touch(tmp_path, "train/good/0.png", "train/crack/0.png", "test/crack/0.png")
    touch(tmp_path, "ground_truth/crack/0_mask.png")
    assert listed(discover(tmp_path)) == [
        ("test/crack/0.png", "crack", ("ground_truth/crack/0_mask.png",)),
        ("train/crack/0.png", "crack", ()),
        ("train/good/0.png", "good", ()),
    ]


def test_a_folder_per_class_with_masks_of_either_name(tmp_path: Path) -> None:
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


def test_extensions_count_in_any_case_and_other_files_do_not(tmp_path: Path) -> None:
    names = ["a.PNG", "b.Jpg", "c.jpeg", "d.BMP", "e.tif", "f.TIFF", "g.webp"]
    touch(tmp_path, *(f"good/{name}" for name in [*names, "h.txt", "Thumbs.db", "png"]))
    assert [picture.path for picture in discover(tmp_path).pictures] == [
        f"good/{name}" for name in names
    ]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "good/a.png", "good/.b.png", ".crack/a.png", "good/.old/a.png")
    assert [picture.path for picture in discover(tmp_path).pictures] == ["good/a.png"]


def test_links_that_lead_in_a_circle_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "good/deep/a.png")
    (tmp_path / "good" / "deep" / "back").symlink_to(tmp_path / "good")
    (tmp_path / "crack").symlink_to(touch(tmp_path / ".elsewhere", "b.png"))
    assert listed(discover(tmp_path)) == [
        ("crack/b.png", "crack", ()),
        ("good/deep/a.png", "good", ()),
    ]


def test_masks_mirror_the_folders_in_a_class(tmp_path: Path) -> None:
    touch(tmp_path, "good/a.png", "crack/day1/a.png", "crack/day2/a.png")
    touch(tmp_path, "masks/crack/day2/a_mask.png")
    assert listed(discover(tmp_path))[:2] == [
        ("crack/day1/a.png", "crack", ()),
        ("crack/day2/a.png", "crack", ("masks/crack/day2/a_mask.png",)),
    ]


def test_all_masks_that_fit_a_picture_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "good/a.png", "crack/a.png", "masks/crack/a.png", "masks/crack/a_mask.png")
    masks = discover(tmp_path).pictures[0].masks
    assert masks == ("masks/crack/a.png", "masks/crack/a_mask.png")


def test_what_belongs_nowhere_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "train/good/a.png", "test/crack/b.png", "test/loose.png", "top.jpg")
    touch(tmp_path, "ground_truth/crack/c_mask.png", "ground_truth/poke/b_mask.png")
    found = discover(tmp_path)
    assert found.stray_masks == ("ground_truth/crack/c_mask.png", "ground_truth/poke/b_mask.png")
    assert found.stray_pictures == ("test/loose.png", "top.jpg")


def test_one_part_of_mvtec_is_enough_and_may_have_a_class_called_masks(tmp_path: Path) -> None:
    touch(tmp_path, "test/good/a.png", "test/masks/b.png", "test/loose.png")
    found = discover(tmp_path)
    assert found.layout == "MVTec AD"
    assert [picture.label for picture in found.pictures] == ["good", "masks"]
    assert found.stray_pictures == ("test/loose.png",)


@pytest.mark.parametrize("inner", ["good/a.png", "train/good/a.png"])
def test_the_parent_of_a_data_set_is_told_apart(tmp_path: Path, inner: str) -> None:
    touch(tmp_path, f"capsule/{inner}")
    with pytest.raises(DataError, match=r"Give '.*capsule'"):
        discover(tmp_path)


def test_without_good_the_classes_found_are_listed(tmp_path: Path) -> None:
    touch(tmp_path, "ok/a.png", "crack/a.png", "notes/a.txt")
    with pytest.raises(DataError, match=r"`good`.* crack, ok\."):
        discover(tmp_path)


def test_an_empty_good_is_no_class(tmp_path: Path) -> None:
    touch(tmp_path, "good/a.txt", "crack/a.png")
    with pytest.raises(DataError, match=r"no pictures of the class `good`.* crack\."):
        discover(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folders with pictures"):
        discover(tmp_path)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        discover(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="unpack"):
        discover(touch(tmp_path, "capsule.tar.xz") / "capsule.tar.xz")


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch) -> None:
    touch(tmp_path, "good/a.png", "crack/a.png")

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=r"cannot be listed: Permission denied\."):
        discover(tmp_path)
