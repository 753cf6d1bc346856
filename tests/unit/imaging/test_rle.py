import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from capsule_inspect.imaging.rle import (
    RunLengths,
    decode_brush,
    decode_runs,
    encode_runs,
    parse_counts,
)


def decode(size, counts):
    pixels = np.concatenate([np.full(count, number % 2) for number, count in enumerate(counts)])
    return pixels.reshape(size, order="F").astype(bool)


def test_columns_come_first_and_the_first_run_lies_outside():
    runs = encode_runs(np.array([[True, False, False], [True, True, False]]))
    assert (runs.size, runs.counts) == ((2, 3), (0, 2, 1, 1, 2))


def test_an_empty_and_a_full_mask():
    assert encode_runs(np.zeros((3, 4), bool)).counts == (12,)
    assert encode_runs(np.ones((3, 4), bool)).counts == (0, 12)


@given(st.integers(1, 9), st.integers(1, 9), st.randoms())
def test_runs_give_the_mask_back(height, width, random):
    mask = np.array([random.random() < 0.5 for _ in range(height * width)]).reshape(height, width)
    runs = encode_runs(mask)
    assert runs.size == mask.shape
    assert sum(runs.counts) == mask.size
    assert all(count > 0 for count in runs.counts[1:])
    np.testing.assert_array_equal(decode(runs.size, runs.counts), mask)
    np.testing.assert_array_equal(decode_runs(runs), mask)


@settings(deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.floats(0, 1), st.integers(0, 2**32))
def test_compressed_counts_are_those_of_cocos_own_tools(height, width, share, seed):
    mask = np.random.default_rng(seed).random((height, width)) < share
    coded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert parse_counts(coded["counts"].decode()) == encode_runs(mask).counts


@pytest.mark.parametrize("counts", [(3,), (5,), (-1, 5), ()])
def test_runs_of_another_length_than_the_mask_are_refused(counts):
    with pytest.raises(ValueError, match="do not add up to 2 x 2"):
        decode_runs(RunLengths((2, 2), counts))


@pytest.mark.parametrize("text", ["/", "p", "1é", "P", "P" * 40])
def test_damaged_counts_are_refused(text):
    with pytest.raises(ValueError, match=r"cut|character"):
        parse_counts(text)


@given(st.text(max_size=30))
def test_any_text_gives_counts_or_is_refused(text):
    try:
        counts = parse_counts(text)
    except ValueError:
        return
    assert all(isinstance(count, int) for count in counts)


def test_a_brush_of_label_studio_is_decoded_as_its_own_tool_coded_it():
    # By `encode_rle` of label-studio-sdk 2.1.2.
    coded = bytes.fromhex("0000008c391bfe2300bfff6c023ff8c027ffb6017fff0f8000")
    expected = np.zeros((5, 7), bool)
    expected[1:4, 2:6] = True
    expected[2, 3] = False
    np.testing.assert_array_equal(decode_brush(coded, (5, 7)), expected)


def test_only_alpha_of_at_least_half_counts():
    coded = bytes.fromhex("00000030391bfe1300002801400780ff002801400780ffb600005002800f00b51800")
    assert np.argwhere(decode_brush(coded, (3, 4))).tolist() == [[1, 1], [1, 2]]


@pytest.mark.parametrize(
    ("coded", "size", "said"),
    [
        ("0000008c391bfe2300bfff6c", (5, 7), "its runs are cut"),
        ("0000008c", (5, 7), "its runs are cut"),
        ("0000008c391bfe2300bfff6c023ff8c027ffb6017fff0f8000", (7, 6), "holds 140 values, not"),
        ("0000000479ffffffff0000000000", (1, 1), "its values have 16 bits instead of 8"),
        ("0000000439fffffffffffffffff", (1, 1), "its runs are longer than its picture"),
    ],
)
def test_a_brush_that_is_cut_or_of_another_size_is_refused(coded, size, said):
    with pytest.raises(ValueError, match=said):
        decode_brush(bytes.fromhex(coded.ljust(len(coded) + len(coded) % 2, "0")), size)
