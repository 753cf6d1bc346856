from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest
from tiny_network import TINY, outputs, pictures

from capsule_inspect.model.heads import with_features
from capsule_inspect.model.network import build_network
from capsule_inspect.model.normality import (
    MAP,
    PLACES,
    PROTOTYPES,
    SCORE,
    STRIDES,
    WHITEN,
    build_normality_network,
    feature_norm,
    is_normality,
    statistics_inputs,
)

PLACE_COUNT, GRID = 8 * 12, (4, 6)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network with statistics at random."""
    keras.utils.set_random_seed(0)
    built = build_normality_network(TINY, prototypes=5)
    random = np.random.default_rng(1)
    channels = built.get_layer(WHITEN).input.shape[-1]
    built.get_layer(WHITEN).set_weights([random.normal(size=(channels, channels))])
    built.get_layer(PLACES).set_weights(
        [
            random.normal(size=(PLACE_COUNT, channels)),
            random.uniform(0.5, 2, (PLACE_COUNT, channels)),
            np.array(0),
        ]
    )
    built.get_layer(PLACES).finalize_state()
    prototypes = random.normal(size=(5, channels))
    built.get_layer(PROTOTYPES).set_weights([2 * prototypes.T, -(prototypes**2).sum(axis=1)])
    built.get_layer(MAP).set_weights([np.array([[0, 2.0], [0, 3.0]]), np.array([0, -4.0])])
    built.get_layer(SCORE).set_weights([np.array([[0, 1.0]]), np.zeros(2)])
    return built


def test_input_and_outputs_have_the_names_and_shapes_of_the_contract(network):
    (image,) = network.inputs
    assert (image.name, image.dtype, tuple(image.shape)) == ("image", "uint8", (None, 64, 96, 3))
    found = outputs(network, pictures(2))
    assert found["logits"].shape == (2, 2)
    assert found["mask_logits"].shape == (2, 8, 12, 2)
    assert found["features"].ndim == 2
    assert not found["logits"][:, 0].any()
    assert not found["mask_logits"][..., 0].any()
    assert with_features(network) is network
    assert is_normality(network)
    assert not is_normality(build_network(TINY, 2))


def test_the_score_is_what_the_distances_say(network):
    shapes = [layer.shape for layer in statistics_inputs(network).inputs]
    features = [
        np.random.default_rng(2).normal(size=(1, *shape[1:])).astype(np.float32) for shape in shapes
    ]
    parts = statistics_inputs(network)(features)
    places, grid = (np.asarray(parts[name][0], np.float64) for name in ("places", "grid"))
    mean, variance, _ = network.get_layer(PLACES).get_weights()
    whitened = places @ network.get_layer(WHITEN).get_weights()[0]
    of_places = [
        np.sqrt(np.mean([(w - m) ** 2 / v for w, m, v in zip(*row, strict=True)]))
        for row in zip(whitened, mean, variance, strict=True)
    ]
    prototypes = network.get_layer(PROTOTYPES).get_weights()[0].T / 2
    nearest = [min(np.linalg.norm(place - each) for each in prototypes) for place in grid]
    large = cv2.resize(np.reshape(nearest, GRID), (12, 8), interpolation=cv2.INTER_LINEAR)
    expected = 2 * np.array(of_places) + 3 * large.ravel() - 4
    wanted = {name: network.output[name] for name in ("logits", "mask_logits")}
    levels = [network.get_layer(feature_norm(stride)).input for stride in STRIDES]
    model = keras.Model(levels, wanted)
    found = model(features)
    scores = np.asarray(found["mask_logits"])[0, ..., 1].ravel()
    assert scores == pytest.approx(expected, rel=1e-3, abs=1e-3)
    highest = np.mean(sorted(expected)[-10:])
    assert float(np.asarray(found["logits"])[0, 1]) == pytest.approx(highest, rel=1e-3)


def test_it_is_saved_and_loaded_in_safe_mode_with_equal_outputs(network, tmp_path):
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    mine, theirs = outputs(network, pictures()), outputs(loaded, pictures())
    for name in mine:
        assert np.array_equal(mine[name], theirs[name])


def test_nothing_is_left_to_gradients(network):
    assert not network.trainable_variables
    assert not build_normality_network(replace(TINY, weights="none"), 2).trainable_variables
