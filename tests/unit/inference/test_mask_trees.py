from pathlib import Path

import pytest

from capsule_inspect.inference.mask_trees import split_masks


@pytest.mark.parametrize(
    ("pictures", "masks"),
    [
        (["good/a.jpg", "crack/a.jpg"], ["masks/crack/a.png"]),
        (["crack/line/a.bmp"], ["masks/crack/line/a_mask.png"]),
        (["test/crack/0.png", "train/good/0.png"], ["ground_truth/crack/0_mask.png"]),
        (["pictures/0.png"], ["masks/0.png"]),
        (["pictures/0.png"], ["Ground-Truth/0.png"]),
        (["crack/0.png", "good/0.png"], ["crack/GT/0.png"]),
        (["a.png"], ["masks/a.png"]),
        (["sets/1/good/a.png", "sets/2/good/b.png"], ["sets/2/masks/good/b.png"]),
    ],
)
def test_masks_lie_as_their_pictures_do(pictures, masks):
    root = Path("root")
    files = [root / name for name in (*masks, *pictures)]
    assert split_masks(root, files) == (
        [root / name for name in pictures],
        [root / name for name in masks],
    )


@pytest.mark.parametrize(
    "names",
    [
        ["masks/a.png", "masks/b.png"],  # a product of that name, or masks alone
        ["masks/a.png", "other/b.png"],
        ["masks.png", "good/masks.png"],
        ["sets/1/masks/a.png", "sets/2/good/a.png"],
        ["a_mask.png", "a.png"],
        [],
    ],
)
def test_what_belongs_to_no_picture_is_none(names):
    files = [Path(name) for name in names]
    assert split_masks(Path(), files) == (files, [])
