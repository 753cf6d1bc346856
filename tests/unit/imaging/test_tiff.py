import struct

import pytest
from picture_parts import exif
from whole_files import tiff

from capsule_inspect.imaging.tiff import (
    Field,
    exif_orientation,
    has_next_page,
    read_fields,
    read_integers,
    valid_orientation,
    with_orientation_1,
)

ENTRIES = [
    (256, 3, 1, "H2x", (640,)),  # a SHORT in the entry itself
    (273, 4, 2, "I", (50,)),  # two LONGs that begin at byte 50
    (306, 2, 4, "4s", (b"now\0",)),  # text
]


def directory(order: str, next_page: int = 0) -> bytes:
    entries = b"".join(
        struct.pack(f"{order}HHI{code}", tag, kind, number, *values)
        for tag, kind, number, code, values in ENTRIES
    )
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(order + "IH", 8, len(ENTRIES))
    return head + entries + struct.pack(order + "III", next_page, 7, 70_000)


@pytest.mark.parametrize("order", "<>")
def test_values_lie_in_their_entry_or_where_it_points(order):
    data = directory(order)
    width, strips, text = read_fields(data)
    assert width == Field(tag=256, kind=3, number=1, position=18)
    assert (strips.position, strips.end) == (50, 58)
    assert read_integers(data, width) == (640,)
    assert read_integers(data, strips) == (7, 70_000)
    assert read_integers(data, text) == ()  # no integers


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("next_page", [0, 8])
def test_a_second_directory_is_a_next_page(order, next_page):
    assert has_next_page(directory(order, next_page)) == (next_page > 0)


@pytest.mark.parametrize("length", [6, 9, 15, 40, 49])
def test_a_cut_directory_is_noticed(length):
    with pytest.raises(struct.error):
        list(read_fields(directory("<")[:length]))


def test_values_behind_the_end_are_noticed():
    data = directory("<")
    _, strips, _ = read_fields(data)
    with pytest.raises(struct.error):
        read_integers(data[:57], strips)


def test_an_unknown_type_takes_no_room_and_gives_no_numbers():
    field = Field(tag=1, kind=99, number=5, position=20)
    assert field.end == 20
    assert read_integers(directory("<"), field) == ()


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


INTEGERS = {1: "B3x", 3: "H2x", 4: "I", 6: "b3x", 8: "h2x", 9: "i"}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", INTEGERS)
def test_a_file_can_be_made_to_say_that_it_is_upright(order, kind):
    usual = struct.pack(order + "HHIH2x", 274, 3, 1, 6)
    field = struct.pack(order + "HHI" + INTEGERS[kind], 274, kind, 1, 6)
    turned = exif(6, order).replace(usual, field)
    assert exif_orientation(turned) == 6
    upright = with_orientation_1(turned)
    assert len(upright) == len(turned)
    assert exif_orientation(upright) == 1
    assert with_orientation_1(upright) is upright


def test_a_file_without_an_orientation_stays():
    data = tiff()
    assert with_orientation_1(data) is data
