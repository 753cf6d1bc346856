from dataclasses import replace

import keras
import numpy as np
import pytest
from tiny_network import TINY, numpy_of, outputs, pictures

from capsule_inspect.model.heads import REGION_STRIDES, region_layer
from capsule_inspect.model.hints import HINT_PLACES, needs_hints, with_hints
from capsule_inspect.model.network import build_network

CLASSES = 3


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(TINY, CLASSES + 1, with_mask=False)


@pytest.mark.parametrize(
    ("head", "with_mask", "expected"),
    [("region", False, True), ("region", True, False), ("views", False, False)],
)
def test_the_head_region_without_masks_alone_gives_hints(head, with_mask, expected):
    assert needs_hints(build_network(replace(TINY, head=head), 3, with_mask)) == expected


def test_before_they_are_fitted_hints_say_nothing_and_the_rest_is_as_it_was(network):
    found, before = outputs(with_hints(network, CLASSES), pictures()), outputs(network, pictures())
    assert found.pop("hint").tolist() == np.zeros((2, 4, 6, 1)).tolist()
    assert found.keys() == before.keys() == {"logits"}
    assert np.array_equal(found["logits"], before["logits"])


def test_a_network_that_was_loaded_gets_hints_and_is_loaded_with_them(network, tmp_path):
    network.save(tmp_path / "a.keras")
    keras.backend.clear_session()
    loaded = keras.saving.load_model(tmp_path / "a.keras", safe_mode=True)
    hinting = with_hints(loaded, CLASSES)
    hinting.get_layer(region_layer(32, "hint")).bias.assign([1.0, 5.0, 2.0])
    hinting.save(tmp_path / "b.keras")
    again = keras.saving.load_model(tmp_path / "b.keras", safe_mode=True)
    assert outputs(again, pictures())["hint"] == pytest.approx(5)


def test_a_hint_is_the_highest_score_of_a_place_in_deviations_from_its_mean(network):
    hinting, random = with_hints(network, CLASSES), np.random.default_rng(1)
    kernels = {}
    for stride in REGION_STRIDES[:2]:
        layer = hinting.get_layer(region_layer(stride, "hint"))
        kernels[stride] = random.normal(size=layer.kernel.shape)
        layer.set_weights([kernels[stride]])
    coarse = hinting.get_layer(region_layer(32, "hint"))
    biases = np.array([3.0, -1.0, 0.5])
    coarse.set_weights([np.zeros(coarse.kernel.shape), biases])
    means, deviations = random.normal(size=(4, 6, CLASSES)), np.array([0.5, 2.0, 4.0])
    variances = np.tile(deviations**2, 24)
    hinting.get_layer(HINT_PLACES).set_weights([means.ravel(), variances])
    features = [network.get_layer(region_layer(stride)).input for stride in REGION_STRIDES[:2]]
    probe = keras.Model(network.input, features)(pictures(1))
    fine, middle = (numpy_of(level)[0].astype(np.float64) for level in probe)
    # At stride 8 a place of stride 16 has four, whose scores are averaged.
    scores = (fine @ kernels[8][0, 0]).reshape(4, 2, 6, 2, CLASSES).mean(axis=(1, 3))
    scores += middle @ kernels[16][0, 0] + biases
    expected = ((scores - means) / deviations).max(axis=-1)
    assert outputs(hinting, pictures(1))["hint"][0, ..., 0] == pytest.approx(expected, abs=1e-3)
    assert np.ptp(expected) > 1
