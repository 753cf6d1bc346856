import cv2
import numpy as np

from capsule_inspect.imaging.decode_picture import decode_picture
from capsule_inspect.imaging.picture import PICTURE_EXTENSIONS
from capsule_inspect.imaging.read_header import read_header


def test_the_extensions_stand_for_every_format_that_is_read():
    pixels = np.zeros((4, 5, 3), np.uint8)
    files = {name: cv2.imencode(name, pixels)[1].tobytes() for name in PICTURE_EXTENSIONS}
    for name, data in files.items():
        assert decode_picture(data, name).pixels.shape == (4, 5, 3)
    formats = {read_header(data, name).format for name, data in files.items()}
    assert formats == {"png", "jpeg", "bmp", "tiff", "webp"}
