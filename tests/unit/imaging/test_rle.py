import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.imaging.rle import encode_runs


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
