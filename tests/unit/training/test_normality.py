"""The statistics of good pictures, against NumPy's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.training.normality import fit_normality, highest, scale_of


def features(count: int, places: int, seed: int = 0):
    random = np.random.default_rng(seed)
    mixing = np.diag([1.0, 2, 3, 1]) + 0.3
    return random.normal(size=(count, places, 4)) @ mixing + random.normal(size=(places, 4))


def test_whitened_features_are_uncorrelated_within_places():
    places = features(200, 6)
    found = fit_normality(places, places[:, :2], prototypes=3, seed=0)
    whitened = places @ found.whitening
    apart = (whitened - whitened.mean(axis=0)).reshape(-1, 4)
    # The ridge of .01 takes a hundredth of each variance, and less of what channels share.
    assert apart.T @ apart / len(apart) == pytest.approx(np.eye(4), abs=0.05)
    assert found.means == pytest.approx(whitened.mean(axis=0))


def test_the_variance_of_a_place_is_drawn_halfway_to_that_of_all():
    places = features(300, 5)
    places[:, 3] += places[:, 3] - places[:, 3].mean(axis=0)  # twice the deviation
    found = fit_normality(places, places, prototypes=2, seed=0)
    own = (places @ found.whitening).var(axis=0)
    assert found.variances == pytest.approx((own + 1) / 2)
    assert found.variances[3].min() > found.variances[[0, 1, 2, 4]].max()


def test_prototypes_are_the_centres_of_what_was_seen():
    centres = np.array([[0.0, 0, 0, 0], [9, 0, 0, 0], [0, 9, 0, 0]])
    grid = centres[np.arange(300) % 3].reshape(50, 6, 4)
    grid = grid + np.random.default_rng(0).normal(0, 0.1, grid.shape)
    found = fit_normality(grid, grid, prototypes=12, seed=0).prototypes
    for centre in centres:
        assert np.linalg.norm(found - centre, axis=1).min() < 0.2


def test_few_features_fill_all_prototypes():
    grid = features(2, 3)
    found = fit_normality(grid, grid, prototypes=20, seed=0).prototypes
    assert found.shape == (20, 4)
    assert np.isfinite(found).all()


@given(
    seed=st.integers(0, 99),
    count=st.integers(1, 60),
    share=st.sampled_from([0.0, 0.01, 0.05, 0.2, 0.5, 0.99]),
)
def test_at_most_the_wanted_share_of_good_pictures_is_called_an_anomaly(seed, count, share):
    scores = np.random.default_rng(seed).gamma(2, size=(count, 30, 2))
    scale = scale_of(scores, share)
    alarms = int((highest(scale(scores)) >= 0).sum())
    assert alarms <= share * (count + 1)
    assert (
        alarms == min(int(share * (count + 1) + 1e-9), count - 1 if count > 1 else 0) or share > 0.9
    )


def test_both_scores_count_in_the_same_unit():
    scores = np.random.default_rng(0).gamma(2, size=(50, 30, 2))
    plain, enlarged = scale_of(scores, 0.05), scale_of(scores * [1, 1000], 0.05)
    assert enlarged.weights * [1, 1000] == pytest.approx(plain.weights)
    assert enlarged.offset == pytest.approx(plain.offset)


def test_pictures_that_are_all_alike_give_a_scale_all_the_same():
    scale = scale_of(np.ones((5, 20, 2)), 0.0)
    assert np.isfinite(scale.weights).all()
    assert (highest(scale(np.ones((5, 20, 2)))) < 0).all()
    assert highest(np.arange(20.0)[None]) == pytest.approx([14.5])
