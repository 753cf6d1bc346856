from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from tiny_network import TINY, numpy_of

from capsule_inspect.model.network import build_network
from capsule_inspect.training.batches import Example
from capsule_inspect.training.region_classifier import (
    Discriminant,
    fit_discriminant,
    fit_region_classifier,
    has_region_classifier,
    soften,
)

CLASSES = 3


def blobs(n: int, seed: int, distance: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Points of three classes with a covariance that is far from round, n of each."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(5, 5))
    centres = distance * np.eye(5)[:CLASSES] @ mixing
    classes = np.repeat(np.arange(CLASSES), n)
    return centres[classes] + random.normal(size=(len(classes), 5)) @ mixing, classes


@pytest.mark.parametrize("shrinkage", [0.05, 0.3, 1.0])
def test_it_is_the_analysis_of_scikit_learn_on_features_in_standard_deviations(shrinkage):
    points, classes = blobs(40, seed=1)
    scaled = (points - points.mean(axis=0)) / points.std(axis=0)
    theirs = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage=shrinkage, priors=np.full(CLASSES, 1 / CLASSES)
    ).fit(scaled, classes)
    ours = fit_discriminant(points, classes, shrinkage).scores(points)
    expected = theirs.decision_function(scaled)
    assert ours - ours[:, :1] == pytest.approx(expected - expected[:, :1], abs=1e-3)


def test_one_row_for_each_class_is_enough():
    points = np.random.default_rng(4).normal(size=(CLASSES, 7))
    fitted = fit_discriminant(points, np.arange(CLASSES), 0.3)
    assert fitted.scores(points).argmax(axis=1).tolist() == [0, 1, 2]


def test_scores_are_softened_more_where_classes_overlap():
    def factor(distance: float) -> float:
        points, classes = blobs(60, seed=3, distance=distance)
        groups = np.arange(len(classes))

        def fit(some: np.ndarray, own: np.ndarray) -> Discriminant:
            found = fit_discriminant(some, own, 0.3)
            return Discriminant(10 * found.weights, 10 * found.biases)

        return soften(points, classes, groups, fit)

    assert factor(0.5) < factor(4.0)
    assert factor(4.0) <= 1


@pytest.fixture(scope="module", params=[True, False], ids=["mask", "no mask"])
def network(request) -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(TINY, CLASSES + 1, with_mask=request.param)


@pytest.mark.slow
def test_the_network_then_names_the_views_it_was_fitted_to(network):
    # Noise of three levels of contrast: a class each.
    random = np.random.default_rng(5)
    views = [
        (128 + (20 + 45 * label) * random.uniform(-1, 1, (64, 96, 3))).astype(np.uint8)
        for label in (0, 1, 2)
        for _ in range(8)
    ]
    labels = np.repeat([1, 2, 3], 8)
    capsules = [[Example((view,), None, int(own))] for view, own in zip(views, labels, strict=True)]
    before = numpy_of(network(np.stack(views), training=False)["logits"])
    assert (before[:, 1:] == 0).all()
    fit_region_classifier(network, False, capsules, 0.3)
    after = numpy_of(network(np.stack(views), training=False)["logits"])
    assert after[:, 0] == pytest.approx(before[:, 0], abs=1e-4)  # good or not: left as it was
    assert after[:, 1:].max(axis=1) == pytest.approx(0, abs=1e-5)
    assert (after[:, 1:].argmax(axis=1) + 1 == labels).mean() > 0.9


@pytest.mark.slow
def test_a_class_that_was_not_seen_is_never_named(network):
    random = np.random.default_rng(6)
    views = random.integers(0, 256, (24, 64, 96, 3)).astype(np.uint8)
    capsules = [[Example((view,), None, 1 + 2 * (i % 2))] for i, view in enumerate(views)]
    fit_region_classifier(network, False, capsules, 0.3)
    # In the middle between the classes, where their own scores are nearly the same.
    between = ((views[0::2].astype(int) + views[1::2]) // 2).astype(np.uint8)
    logits = numpy_of(network(np.concatenate([views, between]), training=False)["logits"])[:, 1:]
    assert set(logits.argmax(axis=1)) == {0, 2}
    assert logits[:, 1].max() < -10


def test_other_heads_have_no_such_classifier():
    assert not has_region_classifier(build_network(replace(TINY, head="views"), CLASSES))
    assert has_region_classifier(build_network(TINY, CLASSES))
