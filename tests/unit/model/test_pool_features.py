import keras
import numpy as np
import pytest

from capsule_inspect.imaging.roi import Roi
from capsule_inspect.model.heads import HEADS
from capsule_inspect.model.network import build_network
from capsule_inspect.model.pool_features import pool_features
from capsule_inspect.settings.model_settings import ModelSettings


@pytest.mark.parametrize("head", list(HEADS))
def test_with_any_head_they_are_the_means_of_the_encoders_last_features(head):
    settings = ModelSettings(
        weights="none", roi=Roi("capsule", 96, 64, 80), decoder_filters=[8, 8], head=head
    )
    network = build_network(settings, 3)
    last = network.get_layer("encoder_6_0_project_norm").output
    probe = keras.Model(network.input, [pool_features(network), last])
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3)).astype(np.uint8)
    pooled, features = (np.array(value)[0] for value in probe(image))
    assert features.shape == (2, 3, 320)
    assert pooled == pytest.approx(features.mean(axis=(0, 1)), abs=1e-5)
