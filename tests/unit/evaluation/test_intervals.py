import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.evaluation.intervals import (
    bootstrap_mean,
    newcombe_auroc,
    percentiles,
    resample,
    wilson,
)

Z = 1.959963984540054
COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17, 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (44, 53, 0.7077, 0.9080),
    ],
)
def test_wilson_gives_the_published_intervals(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(COUNTS)
def test_the_ends_of_wilson_solve_the_score_equation(counts):
    # (p - P)^2 = z^2 P (1 - P) / n, a quadratic in P
    successes, n = counts
    p = successes / n
    roots = np.roots([1 + Z * Z / n, -(2 * p + Z * Z / n), p * p])
    expected = np.clip(np.sort(roots.real), 0, 1)
    assert wilson(successes, n) == pytest.approx(tuple(expected), abs=1e-6)


@given(COUNTS)
def test_wilson_keeps_its_laws(counts):
    successes, n = counts
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    mirrored = wilson(n - successes, n)
    assert mirrored == pytest.approx((1 - high, 1 - low))
    closer = wilson(10 * successes, 10 * n)
    assert closer[1] - closer[0] < high - low


@given(
    auroc=st.floats(0, 1),
    positives=st.integers(1, 200),
    negatives=st.integers(1, 200),
)
def test_the_interval_of_an_auroc_keeps_its_laws(auroc, positives, negatives):
    low, high = newcombe_auroc(auroc, positives, negatives)
    assert 0 <= low <= auroc + 1e-9
    assert auroc - 1e-9 <= high <= 1
    assert newcombe_auroc(auroc, negatives, positives) == pytest.approx((low, high))
    assert newcombe_auroc(1 - auroc, positives, negatives) == pytest.approx(
        (1 - high, 1 - low), abs=1e-6
    )
    many = newcombe_auroc(auroc, 20 * positives, 20 * negatives)
    assert many[1] - many[0] < high - low


@pytest.mark.parametrize("auroc", [0.5, 0.72, 0.9, 0.99, 1.0])
@pytest.mark.parametrize(("positives", "negatives"), [(17, 36), (40, 40), (3, 60)])
def test_the_interval_of_an_auroc_holds_just_the_values_that_are_not_rejected(
    auroc, positives, negatives
):
    # Every value A on a fine grid, with the formula of Hanley and McNeil (Radiology 143, 1982), and
    # with the parts of both kinds of picture exchanged.
    kept = []
    for true in np.linspace(0, 1, 20_001):
        q1, q2 = true / (2 - true), 2 * true * true / (1 + true)
        variance = max(
            true * (1 - true) + (one - 1) * (q1 - true * true) + (other - 1) * (q2 - true * true)
            for one, other in ((positives, negatives), (negatives, positives))
        ) / (positives * negatives)
        if abs(auroc - true) <= Z * math.sqrt(max(0, variance)):
            kept.append(true)
    expected = (min(kept), max(kept))
    assert newcombe_auroc(auroc, positives, negatives) == pytest.approx(expected, abs=1e-4)


def test_a_perfect_auroc_is_not_certain():
    low, high = newcombe_auroc(1.0, 17, 36)
    assert high == 1
    assert 0.8 < low < 1
    assert newcombe_auroc(0.0, 17, 36) == pytest.approx((0, 1 - low))


def test_the_bootstrap_is_seeded_and_holds_the_mean():
    values = list(np.random.default_rng(3).beta(4, 2, 60))
    low, high = bootstrap_mean(values)
    assert (low, high) == bootstrap_mean(values)
    assert low < np.mean(values) < high
    # A mean of 60 is near normal: its 95 % interval is 1.96 standard errors to each side.
    error = np.std(values) / math.sqrt(60)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.08)


def test_the_bootstrap_of_equal_values_is_a_point():
    assert bootstrap_mean([0.7]) == pytest.approx((0.7, 0.7))
    assert bootstrap_mean([0.25] * 9) == pytest.approx((0.25, 0.25))


def test_the_bootstrap_narrows_with_more_values():
    values = list(np.random.default_rng(5).random(30))
    few, many = bootstrap_mean(values), bootstrap_mean(values * 20)
    assert many[1] - many[0] < 0.4 * (few[1] - few[0])


def test_samples_draw_good_and_defective_pictures_separately():
    defective = np.array([True, False, False, True, False])
    weights = np.concatenate(list(resample(defective, 4000)))
    assert weights.shape == (4000, 5)
    assert (weights[:, defective].sum(axis=1) == 2).all()
    assert (weights[:, ~defective].sum(axis=1) == 3).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(5), abs=0.06)
    # One of two draws of two: a picture is left out of a quarter of the samples.
    assert (weights[:, 0] == 0).mean() == pytest.approx(1 / 4, abs=0.03)
    assert (weights == np.concatenate(list(resample(defective, 4000)))).all()


def test_samples_may_have_one_kind_only():
    (weights,) = resample(np.zeros(3, bool), 10)
    assert (weights.sum(axis=1) == 3).all()


def test_samples_of_many_pictures_come_in_blocks_that_fit_in_memory():
    blocks = list(resample(np.arange(50_000) % 9 == 0, 100))
    assert [len(block) for block in blocks] == [20] * 5
    assert max(block.nbytes for block in blocks) == 8_000_000
    assert len({block[0].tobytes() for block in blocks}) == 5


def test_percentiles_leave_out_what_is_not_a_number():
    values = np.append(np.linspace(0, 1, 1001), np.nan)
    assert percentiles(values) == pytest.approx((0.025, 0.975))
