"""The 95 % intervals hold the true value as often as they must, at the size of the study."""

import math

import numpy as np
import pytest
from coverage_models import (
    DEFECTIVE,
    GOOD,
    OverlapModel,
    Overlaps,
    ScoreModel,
    binormal,
    exponential,
    mirrored_exponential,
)
from interval_coverage import OVERLAP_MODELS, REQUIRED, Coverage, score_models, tabulate
from rich.console import Console
from simulate_coverage import (
    average_precision,
    average_precision_interval,
    cover_mean,
    cover_ranking,
    cover_shares,
    newcombe_interval,
    true_average_precision,
)

from capsule_inspect.evaluation.intervals import bootstrap_mean, percentiles, resample, wilson
from capsule_inspect.evaluation.metrics import estimate_auroc, estimate_average_precision

pytestmark = pytest.mark.slow

SIZES = (DEFECTIVE, GOOD, DEFECTIVE + GOOD)
RESAMPLED = np.concatenate(list(resample(np.arange(GOOD + DEFECTIVE) >= GOOD, 500)))
ALIKE_IN_SPREAD = [
    model
    for auroc in (0.95, 0.98, 0.995, 0.998)
    for model in (
        *(binormal(auroc, spread) for spread in (0.5, 1, 1.5, 2)),
        mirrored_exponential(auroc),
    )
]


def wald(successes, n):
    share = successes / n
    half = 1.96 * math.sqrt(share * (1 - share) / n)
    return share - half, share + half


def bootstrap_auroc(good, defective):
    wins = (RESAMPLED[:, GOOD:] @ (defective[:, None] > good)) * RESAMPLED[:, :GOOD]
    return percentiles(wins.sum(axis=1) / (good.size * defective.size))


def of_size(n):
    return [model for model in OVERLAP_MODELS if model.n == n]


def label(model):
    return f"{model.name}-{model.auroc if isinstance(model, ScoreModel) else model.metric}"


@pytest.mark.parametrize("n", SIZES)
def test_wilson_covers_shares_that_are_not_next_to_one_or_zero(n):
    shares = 1 - np.linspace(1.1 / n, 0.5, 5001)
    coverage = cover_shares(wilson, n, shares)
    assert coverage.min() >= REQUIRED["share"]
    assert cover_shares(wilson, n, 1 - shares) == pytest.approx(coverage)
    assert 0.95 < coverage.mean() < 0.96
    assert cover_shares(wald, n, shares).min() < 0.7


@pytest.mark.parametrize("n", SIZES)
def test_wilson_dips_next_to_one(n):
    # The intervals for one, two and three failures end just below these shares. What is left is
    # the chance of fewer failures, which Poisson's distribution gives.
    for failures, rate in ((1, 0.176), (2, 0.5475), (3, 1.015)):
        fewer = sum(math.exp(-rate) * rate**k / math.factorial(k) for k in range(failures))
        coverage = cover_shares(wilson, n, np.array([1 - rate / n]))
        assert coverage == pytest.approx([fewer], abs=0.003)
        assert fewer < REQUIRED["share"]


@pytest.mark.parametrize("model", ALIKE_IN_SPREAD, ids=label)
def test_newcombe_covers_an_auroc(model):
    coverage = cover_ranking(newcombe_interval, model, model.auroc, 1200)
    assert coverage >= REQUIRED["auroc"]


@pytest.mark.parametrize(
    "model",
    [binormal(0.95, 3), binormal(0.998, 3), exponential(0.95), exponential(0.998)],
    ids=label,
)
def test_newcombe_falls_little_short_where_defective_pictures_score_far_more_spread(model):
    coverage = cover_ranking(newcombe_interval, model, model.auroc, 3000)
    assert REQUIRED["auroc"] - 0.02 < coverage < 0.97


def test_the_bootstrap_of_an_auroc_would_not_do():
    model = binormal(0.998, 1)
    assert cover_ranking(bootstrap_auroc, model, model.auroc, 200) < REQUIRED["auroc"]
    assert cover_ranking(newcombe_interval, model, model.auroc, 200) >= REQUIRED["auroc"]


@pytest.mark.parametrize("model", of_size(DEFECTIVE), ids=label)
def test_the_bootstrap_covers_mean_overlaps_on_defects(model):
    assert cover_mean(bootstrap_mean, model, 400) >= REQUIRED[model.metric]


@pytest.mark.parametrize("model", of_size(DEFECTIVE + GOOD), ids=label)
def test_the_bootstrap_covers_mean_overlaps_of_all_pictures_more_often_than_it_must(model):
    assert cover_mean(bootstrap_mean, model, 120) > 0.95 > REQUIRED[model.metric]


def test_the_bootstrap_covers_too_seldom_where_pictures_are_few():
    (model,) = of_size(18)
    assert 0.8 < cover_mean(bootstrap_mean, model, 2000) < REQUIRED["dice"]


def test_an_interval_narrower_by_a_quarter_would_not_do():
    def narrow(values):
        low, high = bootstrap_mean(values)
        return low + (high - low) / 8, high - (high - low) / 8

    assert cover_mean(narrow, of_size(DEFECTIVE)[0], 500) < REQUIRED["dice"]


def test_the_bootstrap_of_average_precision_covers_too_seldom_next_to_one():
    model = exponential(0.998)
    true = true_average_precision(model)
    assert 0.3 < cover_ranking(average_precision_interval, model, true, 40) < 0.7


@pytest.mark.parametrize("model", score_models(0.95), ids=label)
def test_the_true_values_of_score_models_are_those_of_huge_samples(model):
    good, defective = model.draw(np.random.default_rng(2), 500)
    wins = np.searchsorted(np.sort(good), defective).mean() / good.size
    assert wins == pytest.approx(model.auroc, abs=0.002)
    assert true_average_precision(model) == pytest.approx(
        average_precision(good, defective), abs=0.005
    )


@pytest.mark.parametrize("model", OVERLAP_MODELS, ids=label)
def test_the_true_means_of_overlap_models_are_those_of_huge_samples(model):
    studies = model.draw(np.random.default_rng(2), 2000)
    assert studies.shape == (2000, model.n)
    assert studies.mean() == pytest.approx(model.mean, abs=0.004)


def test_simulations_measure_what_evaluate_reports():
    pytest.importorskip("sklearn")
    good, defective = binormal(0.95, 1).draw(np.random.default_rng(3))
    auroc = estimate_auroc(good.tolist(), defective.tolist())
    assert newcombe_interval(good, defective) == pytest.approx((auroc.low, auroc.high))
    precision = estimate_average_precision(good.tolist(), defective.tolist())
    assert average_precision(good, defective) == pytest.approx(precision.value)
    assert average_precision_interval(good, defective) == (precision.low, precision.high)


def test_coverage_counts_the_intervals_that_hold_the_true_value():
    shares = np.array([0.5, 0.9])
    assert cover_shares(lambda *_: (0, 1), 7, shares) == pytest.approx([1, 1])
    # Two successes in three reach .5, three .9 as well.
    assert cover_shares(lambda k, n: (0, k / n - 0.05), 3, shares) == pytest.approx([0.5, 0.729])
    model = OverlapModel("dice", "zero or one", (Overlaps(1, 0.25, None),))
    assert cover_mean(lambda values: (values[0], 1), model, 4000) == pytest.approx(0.25, abs=0.03)


def test_the_table_says_what_is_below_what_is_asked():
    rows = [
        Coverage("share", "a", 92, None, 0.951, 0),
        Coverage("auroc", "b", 298, 0.95, 0.9299, 4000),
        Coverage("average_precision", "c", 298, 0.99, 0.5, 200),
    ]
    console = Console(width=100)
    with console.capture() as printed:
        console.print(tabulate(rows))
    assert [line.split() for line in printed.get().splitlines()[-4:-1]] == [
        ["share", "a", "92", "0.951", "0.92", "exact"],
        ["auroc", "b", "298", "0.9500", "0.930", "below", "0.93", "4000"],
        ["average_precision", "c", "298", "0.9900", "0.500", "200"],
    ]
