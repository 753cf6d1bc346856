from itertools import chain

import keras
import numpy as np
import pytest
from tiny_network import TINY, numpy_of

from capsule_inspect.model.hints import HINT_PLACES
from capsule_inspect.model.network import as_it_learns, build_network, encoder_features
from capsule_inspect.modelfile.runtime import HINT
from capsule_inspect.training.batches import Example
from capsule_inspect.training.hints import fit_hints

SHAPE = (64, 96, 3)
LABELS = [0, 1, 3] * 14


def draw(random: np.random.Generator, label: int) -> tuple[np.ndarray, tuple[int, int]]:
    """A window of noise; for a defect with a square of stripes, and the place that it fills."""
    window = random.integers(110, 146, SHAPE).astype(np.uint8)
    row, column = int(random.integers(4)), int(random.integers(6))
    if label:
        square = window[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
        (square[:, ::4] if label == 1 else square[::4])[:] = 255
    return window, (row, column)


def capsules(labels: list[int], seed: int) -> list[list[Example]]:
    random = np.random.default_rng(seed)
    return [[Example((draw(random, label)[0],), None, label)] for label in labels]


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(TINY, 4, with_mask=False)


@pytest.fixture(scope="module")
def hinting(network) -> keras.Model:
    # Class 2 of the three defects has no picture.
    return fit_hints(network, False, capsules(LABELS, seed=1))


def test_the_highest_place_is_that_of_the_defect(hinting):
    random = np.random.default_rng(2)
    drawn = [draw(random, label) for label in (1, 3) for _ in range(10)]
    hints = numpy_of(hinting(np.stack([window for window, _ in drawn]), training=False)[HINT])
    highest = [np.unravel_index(hint.argmax(), hint.shape)[:2] for hint in hints]
    hits = np.mean([found == place for found, (_, place) in zip(highest, drawn, strict=True)])
    assert hits >= 0.8  # by chance it is 1 in 24


def test_good_pictures_have_a_mean_of_zero_at_each_place_and_a_deviation_of_one(hinting):
    good = [example.inputs[0] for (example,) in capsules(LABELS, seed=1) if not example.label]
    norm = hinting.get_layer(HINT_PLACES)
    model = keras.Model(hinting.input, norm.output)
    scores = numpy_of(model(np.stack(good), training=False))
    assert scores.shape == (14, 4 * 6 * 2)
    assert scores.mean(axis=0) == pytest.approx(0, abs=1e-3)
    deviations = scores.std(axis=0).reshape(24, 2)
    assert deviations.mean(axis=0) == pytest.approx(1, abs=1e-3)
    assert np.ptp(deviations) > 0.1  # of all places together, not of each


def test_features_give_the_hints_that_their_windows_give(network, hinting):
    examples = list(chain.from_iterable(capsules(LABELS, seed=1)))
    encode = keras.Model(network.input, list(encoder_features(network)))
    levels = [numpy_of(each) for each in encode(np.stack([e.inputs[0] for e in examples]))]
    stored = [
        [Example(tuple(level[index] for level in levels), None, example.label)]
        for index, example in enumerate(examples)
    ]
    other = fit_hints(network, True, stored)
    window = examples[1].inputs[0][None]
    expected, found = (numpy_of(each(window, training=False)[HINT]) for each in (hinting, other))
    assert found == pytest.approx(expected, abs=0.02 * float(np.ptp(expected)))


def test_the_network_learns_on_as_before(network, hinting):
    part = as_it_learns(hinting, on_features=False)
    assert part.output.keys() == {"logits"}
    own = {variable.path for variable in network.trainable_variables}
    assert {variable.path for variable in hinting.trainable_variables} == own


def test_one_good_picture_is_enough(network):
    hint = fit_hints(network, False, capsules([0, 1], seed=3))
    assert np.isfinite(numpy_of(hint(np.zeros((1, *SHAPE), np.uint8), training=False)[HINT])).all()
