import cv2
import numpy as np
import pytest

from capsule_inspect.imaging.masks_beside import find_masks_beside, is_black_and_white

GREY = np.full((40, 60, 3), 120, np.uint8)


def spot(soft: bool = False) -> np.ndarray:
    mask = np.zeros((40, 60), np.uint8)
    cv2.circle(mask, (30, 20), 8, 255, -1, cv2.LINE_AA if soft else cv2.LINE_8)
    return mask


@pytest.mark.parametrize("name", ["a.png", "a_mask.png", "a.bmp", "a_mask.jpg"])
@pytest.mark.parametrize("mask", [spot(), spot(soft=True), np.zeros((40, 60), np.uint8)])
def test_a_black_and_white_file_is_the_mask_of_the_picture_of_its_name(
    tmp_path, save_picture, name, mask
):
    picture = save_picture(tmp_path / "a.tif", GREY)
    drawn = save_picture(tmp_path / name, mask)
    other = save_picture(tmp_path / "b.png", mask)
    assert find_masks_beside([picture, drawn, other]) == {picture: drawn}


def test_two_pictures_or_two_masks_of_a_name_are_not_told_apart(tmp_path, save_picture):
    grey = [save_picture(tmp_path / name, GREY) for name in ("a.png", "a.jpg")]
    white = [save_picture(tmp_path / name, spot()) for name in ("b.png", "b.bmp")]
    three = [save_picture(tmp_path / f"c.{end}", spot()) for end in ("png", "bmp")]
    three.append(save_picture(tmp_path / "c.jpg", GREY))
    assert find_masks_beside([*grey, *white, *three]) == {}


def test_files_of_one_name_in_other_folders_do_not_belong_together(tmp_path, save_picture):
    files = [save_picture(tmp_path / "x/a.jpg", GREY), save_picture(tmp_path / "y/a.png", spot())]
    assert find_masks_beside(files) == {}


def test_what_is_coloured_grey_or_no_picture_is_not_black_and_white(tmp_path, save_picture):
    coloured = np.dstack([spot(), spot(), np.zeros((40, 60), np.uint8)])
    (tmp_path / "c.png").write_bytes(b"no picture")
    files = [
        save_picture(tmp_path / "a.png", GREY),
        save_picture(tmp_path / "b.png", coloured),
        tmp_path / "c.png",
        tmp_path / "gone.png",
    ]
    assert not any(map(is_black_and_white, files))
