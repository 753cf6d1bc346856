from dataclasses import replace

import keras
import numpy as np
import pytest

from capsule_inspect.export.convert import convert
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.bundle import ModelBundle, read_bundle
from capsule_inspect.modelfile.interpreter import Interpreter
from capsule_inspect.modelfile.quantizations import QUANTIZATIONS

SIZE = (32, 96)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A convolution, of which the label and the mask are seen."""
    keras.utils.set_random_seed(4)
    image = keras.Input((*SIZE, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 128, offset=-1)(image)
    x = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu6")(x)
    whole = keras.layers.GlobalAveragePooling2D(name="head_whole")(x)
    outputs = {
        "logits": keras.layers.Dense(3, name="logits")(whole),
        "mask_logits": keras.layers.Conv2D(3, 1, name="mask_logits")(x),
    }
    return keras.Model(image, outputs)


WINDOWS = [
    np.random.default_rng(seed).integers(0, 256, (*SIZE, 3)).astype(np.uint8) for seed in range(8)
]


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_a_file_of_any_format_says_what_the_network_says(network, tiny_model, quantization):
    flatbuffer = convert(network, quantization, WINDOWS)
    described = replace(read_bundle(tiny_model).metadata, roi=Roi("whole", SIZE[1], SIZE[0], 80))
    run = Interpreter(ModelBundle(flatbuffer, described)).run
    features = keras.Model(network.input, network.get_layer("head_whole").output)
    tolerance = {"float32": 1e-4, "float16": 0.02}.get(quantization, 0.12)
    for window in WINDOWS[:3]:
        expected, found = network.predict_on_batch(window[None]), run(window)
        assert found.logits == pytest.approx(expected["logits"][0], abs=tolerance)
        assert found.mask_logits == pytest.approx(expected["mask_logits"][0], abs=tolerance)
        assert found.features == pytest.approx(
            features.predict_on_batch(window[None])[0], abs=tolerance
        )
