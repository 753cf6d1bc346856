from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import TINY, numpy_of, outputs, pictures

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.network import build_decoder, build_network


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    built = build_network(TINY, 4)
    # Fresh heads are so faint that everything would look alike.
    for layer in built.layers:
        if not layer.name.startswith("encoder_"):
            layer.set_weights([3 * w if w.ndim > 1 else w for w in layer.get_weights()])
    return built


def test_input_and_outputs_have_the_names_and_shapes_of_the_contract(network):
    (image,) = network.inputs
    assert (image.name, image.dtype, tuple(image.shape)) == ("image", "uint8", (None, 64, 96, 3))
    shapes = {name: tuple(output.shape) for name, output in network.output.items()}
    assert shapes == {"logits": (None, 4), "mask_logits": (None, 32, 48, 4)}
    assert all(output.dtype == "float32" for output in network.output.values())


def test_a_picture_is_judged_alike_alone_and_in_a_batch(network):
    images = pictures(3)
    before = images.copy()
    together = outputs(network, images)
    alone = [outputs(network, images[i : i + 1]) for i in range(3)]
    for name, values in together.items():
        assert np.isfinite(values).all()
        stacked = np.concatenate([each[name] for each in alone])
        assert np.abs(values - stacked).max() < 1e-4
    assert np.array_equal(images, before)
    assert np.abs(together["logits"][0] - together["logits"][1]).max() > 1e-4


def test_pixels_are_scaled_as_imagenet_weights_want_them(network):
    scaled = keras.Model(network.input, network.get_layer("scale").output)
    image = np.full((1, 64, 96, 3), [0, 127, 255], np.uint8)
    assert numpy_of(scaled(image))[0, 0, 0] == pytest.approx([-127 / 128, 0, 1])


def test_it_is_saved_and_loaded_in_safe_mode_with_equal_outputs(network, tmp_path):
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    mine, theirs = outputs(network, pictures()), outputs(loaded, pictures())
    for name in mine:
        assert np.array_equal(mine[name], theirs[name])


def test_the_label_looks_at_the_mask_but_does_not_train_it(network):
    kernel = network.get_layer("mask_logits").kernel
    images = tf.constant(pictures())
    for name, reaches in (("logits", False), ("mask_logits", True)):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(network(images, training=False)[name] ** 2)
        gradient = tape.gradient(total, kernel.value)
        assert (gradient is not None and float(np.abs(numpy_of(gradient)).max()) > 0) == reaches
    before = outputs(network, pictures())["logits"]
    start = numpy_of(kernel)
    kernel.assign(-start)
    try:
        assert np.abs(outputs(network, pictures())["logits"] - before).max() > 1e-5
    finally:
        kernel.assign(start)


def test_the_label_trains_the_encoder(network):
    kernel = network.get_layer("encoder_stem_conv").kernel
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(network(tf.constant(pictures()), training=False)["logits"] ** 2)
    assert float(np.abs(numpy_of(tape.gradient(total, kernel.value))).max()) > 0


def test_a_seed_decides_the_initial_weights():
    keras.utils.set_random_seed(3)
    one = build_network(TINY, 2).get_weights()
    keras.utils.set_random_seed(3)
    other = build_network(TINY, 2).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_weights_of_ones_own_are_loaded(network, tmp_path):
    file = tmp_path / "mine.weights.h5"
    network.save_weights(file)
    loaded = build_network(replace(TINY, weights=str(file)), 4)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(network.get_weights(), loaded.get_weights(), strict=True)
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"decoder_filters": [8, 8, 8, 8, 8]},
            "has 5 levels, but efficientnet_lite0 allows at most 4",
        ),
        ({"encoder": "resnet"}, r"model.encoder.*efficientnet_lite0.*convnext_tiny"),
        (
            {"weights": "nowhere.weights.h5"},
            "weights file .* does not exist.*Set model.weights to imagenet",
        ),
    ],
)
def test_settings_that_make_no_network_are_refused_by_name(changes, named):
    with pytest.raises(ConfigError, match=named):
        build_network(replace(TINY, **changes), 4)


@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_mask_comes_at_the_stride_asked_for_whatever_the_decoder_ends_with(stride, levels):
    settings = replace(TINY, mask_stride=stride, decoder_filters=[8] * levels)
    built = build_network(settings, 3)
    assert tuple(built.output["mask_logits"].shape[1:]) == (64 // stride, 96 // stride, 3)


CHANNELS = (3, 4, 5, 6, 7)


@pytest.fixture(scope="module")
def decoder() -> keras.Model:
    keras.utils.set_random_seed(0)
    features = [
        keras.Input((64 // stride, 96 // stride, channels))
        for stride, channels in zip((2, 4, 8, 16, 32), CHANNELS, strict=True)
    ]
    decoded = build_decoder(features, [12, 10, 9, 8])
    return keras.Model(features, {"fine": decoded.fine, "stride8": decoded.stride8})


def inputs(seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [
        random.normal(size=(1, 64 // stride, 96 // stride, channels)).astype(np.float32)
        for stride, channels in zip((2, 4, 8, 16, 32), CHANNELS, strict=True)
    ]


def test_shapes(decoder):
    assert tuple(decoder.output["fine"].shape[1:]) == (32, 48, 8)
    assert tuple(decoder.output["stride8"].shape[1:]) == (8, 12, 10)


def test_a_level_is_two_separable_convolutions_whose_depthwise_kernels_begin_wide(decoder):
    separable = [x for x in decoder.layers if isinstance(x, keras.layers.SeparableConv2D)]
    assert [layer.filters for layer in separable] == [12, 12, 10, 10, 9, 9, 8, 8]
    for layer in separable:
        largest = np.abs(layer.get_weights()[0]).max()
        assert 0.28 < largest <= 1 / 3  # one over the root of nine taps


def test_every_skip_reaches_the_finest_level_and_coarse_ones_alone_stride_8(decoder):
    start = {name: keras.ops.convert_to_numpy(value) for name, value in decoder(inputs(0)).items()}
    other = inputs(1)
    for level in range(5):
        changed = inputs(0)
        changed[level] = other[level]
        after = decoder(changed)
        assert not np.array_equal(start["fine"], keras.ops.convert_to_numpy(after["fine"]))
        same = np.array_equal(start["stride8"], keras.ops.convert_to_numpy(after["stride8"]))
        assert same == (level < 2)


def test_activations_stay_in_the_range_of_int8_friendly_relu6(decoder):
    large = [100 * values for values in inputs(2)]
    for value in decoder(large).values():
        assert float(np.min(value)) >= 0
        assert float(np.max(value)) <= 6


def test_a_level_per_filter():
    features = [keras.Input((64 // stride, 64 // stride, 2)) for stride in (8, 16, 32)]
    decoded = build_decoder(features, [5, 4])
    assert tuple(decoded.fine.shape[1:]) == (8, 8, 4)
    with pytest.raises(ValueError, match="zip"):
        build_decoder(features, [5])


def test_dropout_drops_whole_channels_in_training_alone():
    features = [keras.Input((64 // stride, 64 // stride, 3)) for stride in (8, 16, 32)]
    network = keras.Model(features, build_decoder(features, [40, 40], dropout=0.5).fine)
    random = np.random.default_rng(0)
    given = [random.normal(size=(1, 64 // s, 64 // s, 3)).astype(np.float32) for s in (8, 16, 32)]
    used, trained = (
        keras.ops.convert_to_numpy(network(given, training=training)[0])
        for training in (False, True)
    )
    alive, dropped = ((used != 0).any(axis=(0, 1)), (trained == 0).all(axis=(0, 1)))
    assert alive.sum() >= 35  # of 40; a few happen to be below zero everywhere
    assert 8 <= (alive & dropped).sum() <= 32  # each with probability 1/2
