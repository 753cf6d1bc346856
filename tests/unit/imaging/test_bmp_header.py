import pytest
from whole_files import info_bmp

from capsule_inspect.imaging.bmp_header import read_bmp_header
from capsule_inspect.imaging.header import Header
from capsule_inspect.imaging.refusal import Refusal


def test_rows_of_a_bmp_may_run_downwards():
    assert read_bmp_header(info_bmp(-2, 24, 0, bytes(32))) == Header("bmp", 5, 2, 1)


@pytest.mark.parametrize(("bits", "row_bytes"), [(1, 4), (8, 8), (24, 16), (32, 20)])
def test_rows_are_padded_to_four_bytes(bits, row_bytes):
    end = 54 + 2 * row_bytes
    assert read_bmp_header(info_bmp(2, bits, 0, bytes(2 * row_bytes))).width == 5
    with pytest.raises(Refusal, match=f"is truncated: {end - 1} of the {end} bytes"):
        read_bmp_header(info_bmp(2, bits, 0, bytes(2 * row_bytes - 1)))
