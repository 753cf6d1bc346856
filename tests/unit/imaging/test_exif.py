import pytest
from picture_parts import exif

from capsule_inspect.imaging.exif import exif_orientation, valid_orientation


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_is_found_with_and_without_the_prefix(order, orientation):
    block = exif(orientation, order)
    assert exif_orientation(block) == orientation
    assert exif_orientation(b"Exif\0\0" + block) == orientation


@pytest.mark.parametrize("block", [b"", b"Exif\0\0", b"II*\0", b"no TIFF at all", exif(6)[:24]])
def test_a_damaged_block_says_upright(block):
    assert exif_orientation(block) == 1


@pytest.mark.parametrize(
    ("values", "expected"), [((), 1), ((0,), 1), ((8,), 8), ((9,), 1), ((6, 6), 1)]
)
def test_only_one_number_from_1_to_8_is_an_orientation(values, expected):
    assert valid_orientation(values) == expected
