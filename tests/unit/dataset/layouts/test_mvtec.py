from pathlib import Path

from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture
from capsule_inspect.dataset.layouts.registry import discover


def listed(found: Discovery) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(picture.path, picture.label, picture.masks) for picture in found.pictures]


def test_mvtec_pools_train_and_test(tmp_path: Path, touch) -> None:
    touch(tmp_path, "train/good/000.png", "test/good/000.png", "test/crack/000.jpg")
    touch(tmp_path, "ground_truth/crack/000_mask.png", "license.txt", "readme.txt")
    assert discover(tmp_path) == Discovery(
        root=tmp_path.resolve(),
        layout="MVTec AD",
        pictures=(
            FoundPicture("test/crack/000.jpg", ("crack",), ("ground_truth/crack/000_mask.png",)),
            FoundPicture("test/good/000.png", ("good",), ()),
            FoundPicture("train/good/000.png", ("good",), ()),
        ),
        stray_masks=(),
        stray_pictures=(),
    )


def test_mvtec_masks_belong_to_test_pictures_only(tmp_path: Path, touch) -> None:
    touch(tmp_path, "train/good/0.png", "train/crack/0.png", "test/crack/0.png")
    touch(tmp_path, "ground_truth/crack/0_mask.png")
    assert listed(discover(tmp_path)) == [
        ("test/crack/0.png", "crack", ("ground_truth/crack/0_mask.png",)),
        ("train/crack/0.png", "crack", ()),
        ("train/good/0.png", "good", ()),
    ]


def test_what_belongs_nowhere_is_named(tmp_path: Path, touch) -> None:
    touch(tmp_path, "train/good/a.png", "test/crack/b.png", "test/loose.png", "top.jpg")
    touch(tmp_path, "ground_truth/crack/c_mask.png", "ground_truth/poke/b_mask.png")
    found = discover(tmp_path)
    assert found.stray_masks == ("ground_truth/crack/c_mask.png", "ground_truth/poke/b_mask.png")
    assert found.stray_pictures == ("test/loose.png", "top.jpg")


def test_one_part_of_mvtec_is_enough_and_may_have_a_class_called_masks(
    tmp_path: Path, touch
) -> None:
    touch(tmp_path, "test/good/a.png", "test/masks/b.png", "test/loose.png")
    found = discover(tmp_path)
    assert found.layout == "MVTec AD"
    assert [picture.label for picture in found.pictures] == ["good", "masks"]
    assert found.stray_pictures == ("test/loose.png",)


def test_folders_of_another_name_and_case_are_read_or_named(tmp_path: Path, touch) -> None:
    touch(tmp_path, "Train/good/0.png", "TEST/crack/0.png", "Ground_Truth/crack/0_mask.png")
    touch(tmp_path, "holdout/good/1.png", "holdout/2.png")
    found = discover(tmp_path)
    assert listed(found) == [
        ("TEST/crack/0.png", "crack", ("Ground_Truth/crack/0_mask.png",)),
        ("Train/good/0.png", "good", ()),
    ]
    assert found.stray_pictures == ("holdout/2.png", "holdout/good/1.png")


def test_mvtec_ad_2_is_read_with_the_masks_in_its_test_folder(tmp_path: Path, touch) -> None:
    touch(tmp_path, "train/good/0.png", "validation/good/1.png", "test_private/000.png")
    touch(tmp_path, "test_public/good/2.png", "test_public/bad/3.png")
    touch(tmp_path, "test_public/ground_truth/bad/3_mask.png")
    found = discover(tmp_path)
    assert listed(found) == [
        ("test_public/bad/3.png", "bad", ("test_public/ground_truth/bad/3_mask.png",)),
        ("test_public/good/2.png", "good", ()),
        ("train/good/0.png", "good", ()),
        ("validation/good/1.png", "good", ()),
    ]
    assert found.stray_pictures == ("test_private/000.png",)
    assert not found.is_split  # nothing could be learned of the defects
