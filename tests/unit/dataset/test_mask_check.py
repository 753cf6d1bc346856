import io

import numpy as np
import pytest
from PIL import Image

from capsule_inspect.dataset.check import check_pictures
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture


def write(path, size, orientation=1, mask=False):
    """Writes a picture or mask of a size (height, width), with an EXIF orientation."""
    values = np.random.default_rng(1).integers(40, 200, (*size, 3), np.uint8)
    if mask:
        values[:] = 0
        values[:2, :3] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    Image.fromarray(values).save(content, "PNG", exif=exif)
    path.write_bytes(content.getvalue())


@pytest.mark.parametrize(
    ("size", "turn", "mask_size", "mask_turn", "told"),
    [
        ((12, 16), 1, (12, 16), 1, []),
        ((12, 16), 3, (12, 16), 3, []),
        ((12, 16), 3, (12, 16), 1, ["EXIF turns"]),
        ((12, 12), 6, (12, 12), 1, ["EXIF turns"]),
        ((12, 16), 6, (16, 12), 1, []),  # the mask was drawn on the picture as it is shown
        ((12, 16), 6, (12, 16), 1, ["EXIF turns", "The mask has 16 x 12 pixels, its picture 12"]),
        ((12, 16), 1, (12, 16), 2, ["EXIF turns"]),
    ],
)
def test_a_mask_is_turned_as_its_picture_is(tmp_path, size, turn, mask_size, mask_turn, told):
    write(tmp_path / "a.png", size, turn)
    write(tmp_path / "b.png", mask_size, mask_turn, mask=True)
    found = Discovery(tmp_path, "by hand", (FoundPicture("a.png", ("crack",), ("b.png",)),))
    _, problems = check_pictures(found)
    own = [each for each in problems if each.path == "b.png"]
    assert [each.message[: len(start)] for each, start in zip(own, told, strict=True)] == told
    assert [each.fatal for each in own] == [not start.startswith("EXIF") for start in told]
