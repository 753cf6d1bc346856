import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from capsule_inspect.evaluation.estimates import (
    estimate_auroc,
    estimate_average_precision,
    estimate_mean,
    estimate_share,
)
from capsule_inspect.evaluation.intervals import bootstrap_mean, newcombe_auroc, wilson
from capsule_inspect.modelfile.metric import Metric

SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]), min_size=1, max_size=15)
RANKINGS = {"auroc": estimate_auroc, "average_precision": estimate_average_precision}


@settings(deadline=None, max_examples=60)
@given(SCORES, SCORES)
def test_rankings_are_those_of_scikit_learn(goods, defects):
    truth, scores = [0] * len(goods) + [1] * len(defects), goods + defects
    auroc, precision = (estimate(goods, defects) for estimate in RANKINGS.values())
    assert auroc.value == pytest.approx(roc_auc_score(truth, scores), abs=1e-9)
    assert precision.value == pytest.approx(average_precision_score(truth, scores), abs=1e-9)
    assert auroc.n == precision.n == len(scores)
    assert 0 <= precision.low <= precision.high <= 1
    assert (auroc.low, auroc.high) == newcombe_auroc(auroc.value, len(defects), len(goods))


@settings(deadline=None, max_examples=25)
@given(SCORES, SCORES, st.randoms(use_true_random=False))
def test_rankings_know_only_the_order_of_scores(goods, defects, random):
    for name, estimate in RANKINGS.items():
        value = estimate(goods, defects).value
        bent = estimate([s**3 / 2 for s in goods], [s**3 / 2 for s in defects]).value
        mixed = estimate(
            random.sample(goods, len(goods)), random.sample(defects, len(defects))
        ).value
        assert bent == pytest.approx(value, abs=1e-12), name
        assert mixed == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize("defects", [1, 7, 15, 49])
def test_a_perfect_ranking_is_exactly_one(defects):
    for estimate in RANKINGS.values():
        assert estimate([0.1] * 31, list(np.linspace(0.5, 1, defects))).value == 1


def test_average_precision_worked_out_by_hand():
    # Recall steps to 1/2 at precision 1, and to 1 at precision 2/4.
    metric = estimate_average_precision([0.8, 0.7, 0.1], [0.9, 0.5])
    assert metric.value == pytest.approx(0.5 * 1 + 0.5 * 2 / 4)


def test_the_interval_of_average_precision_is_that_of_resampled_pictures():
    generator = np.random.default_rng(4)
    goods, defects = list(generator.beta(2, 4, 40)), list(generator.beta(4, 3, 25))
    metric = estimate_average_precision(goods, defects)
    assert metric == estimate_average_precision(goods, defects)
    samples = []
    for _ in range(1000):
        scores = [*generator.choice(goods, 40), *generator.choice(defects, 25)]
        samples.append(average_precision_score([0] * 40 + [1] * 25, scores))
    low, high = np.quantile(samples, (0.025, 0.975))
    assert (metric.low, metric.high) == pytest.approx((low, high), abs=0.15 * (high - low))


def test_shares_and_means_bring_their_intervals():
    assert estimate_share("x", [True, False, True]) == Metric("x", 2 / 3, 3, *wilson(2, 3))
    values = [0.25, 0.5, 1.0]
    mean = estimate_mean("x", values)
    assert mean == Metric("x", pytest.approx(1.75 / 3), 3, *bootstrap_mean(values))


def test_nothing_is_estimated_from_nothing():
    assert estimate_share("x", []) is None
    assert estimate_mean("x", []) is None
    for estimate in RANKINGS.values():
        assert estimate([], [0.5]) is None
        assert estimate([0.5], []) is None
