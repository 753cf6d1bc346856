import cv2
import numpy as np
import pytest
from odd_forms import FORMS, SMOOTH, avif
from picture_bytes import encode

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.avif import is_avif
from capsule_inspect.imaging.headers import read_header
from capsule_inspect.imaging.picture import Header
from capsule_inspect.imaging.read import decode_picture

DATA = avif(SMOOTH)


def test_size_depth_and_turn_come_from_the_boxes():
    assert read_header(DATA, "It") == Header("avif", 32, 24)
    assert read_header(FORMS["avif-10"].data, "It") == Header("avif", 32, 24, white=1023)
    assert read_header(FORMS["avif-turned-right"].data, "It").orientation == 6
    assert read_header(FORMS["avif-turned-left"].data, "It").orientation == 8


def test_a_turned_picture_is_shown_upright():
    shown = decode_picture(FORMS["avif-turned-right"].data, "It").pixels
    assert np.abs(shown.astype(int) - np.rot90(SMOOTH, -1)).max() <= 2


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_cut_file_is_refused(share):
    with pytest.raises(PictureError, match=r"^It is (truncated|damaged)"):
        read_header(DATA[: int(len(DATA) * share)], "It")


def test_a_sequence_is_refused_by_name():
    sequence = DATA.replace(b"ftypavif", b"ftypavis", 1)
    with pytest.raises(PictureError, match=r"^It is an AVIF sequence; convert it to PNG"):
        read_header(sequence, "It")


@pytest.mark.parametrize("kind", [b"imir", b"clap"])
def test_what_mirrors_or_cuts_is_refused(kind):
    changed = FORMS["avif-turned-right"].data.replace(b"irot", kind, 1)
    with pytest.raises(PictureError, match=r"^It is an AVIF that mirrors or cuts its picture"):
        read_header(changed, "It")


def test_boxes_without_a_size_are_damage():
    with pytest.raises(PictureError, match=r"^It is damaged: the AVIF declares no size"):
        read_header(DATA.replace(b"ispe", b"free"), "It")
    with pytest.raises(PictureError, match=r"^It is damaged: the AVIF has no box `iprp`"):
        read_header(DATA.replace(b"iprp", b"free"), "It")


@pytest.mark.parametrize("data", [b"", b"\0\0\0\x18ftypheic" + bytes(12), b"ftypavif"])
def test_other_content_is_none(data):
    assert not is_avif(data)


@pytest.mark.parametrize("bits", [10, 12])
def test_the_depth_comes_from_the_stream(bits):
    deep = SMOOTH.astype(np.uint16) * 2 ** (bits - 8)
    options = (cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100)
    data = encode(".avif", deep[..., ::-1], *options)
    assert read_header(data, "It").white == 2**bits - 1
    assert read_header(data.replace(b"pixi", b"free"), "It").white == 2**bits - 1
    with pytest.raises(PictureError, match=r"^It is damaged: the AVIF declares no AV1 stream"):
        read_header(data.replace(b"av1C", b"free"), "It")


def test_a_grey_picture_of_limited_range_is_refused():
    """OpenCV would show its black as 16, and its white as 235."""
    grey = SMOOTH[..., 0]
    full = avif(grey, subsampling="4:0:0", range="full")
    shown = decode_picture(full, "It").pixels
    assert np.abs(shown.astype(int) - grey[..., None]).max() <= 2
    with pytest.raises(PictureError, match=r"^It is a grey AVIF of limited range"):
        decode_picture(avif(grey, subsampling="4:0:0", range="limited"), "It")
    with pytest.raises(PictureError, match=r"^It is a grey AVIF of limited range"):
        decode_picture(full.replace(b"nclx", b"free"), "It")  # it says nothing of the range


@pytest.mark.parametrize("pixels", [SMOOTH, np.dstack([SMOOTH, SMOOTH[..., :1]])])
def test_colours_of_limited_range_are_stretched(pixels):
    limited, full = (
        decode_picture(avif(pixels, range=name), "It").pixels for name in ("limited", "full")
    )
    assert np.abs(limited.astype(int) - full).max() <= 4
