from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import TINY, numpy_of, outputs, pictures

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.encoders.encoder import set_encoder_trainable
from capsule_inspect.model.network import as_it_learns, build_network, encoder_features


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
    kernel = network.get_layer("mask_classes").kernel
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
            "weights .* do not exist.*Set model.weights to imagenet",
        ),
    ],
)
def test_settings_that_make_no_network_are_refused_by_name(changes, named):
    with pytest.raises(ConfigError, match=named):
        build_network(replace(TINY, **changes), 4)


def test_a_mask_finer_than_asked_for_is_refused():
    with pytest.raises(ConfigError, match=r"ends with 32 rows, but model\.mask_stride asks for 16"):
        build_network(replace(TINY, mask_stride=4), 3)


@pytest.mark.parametrize(
    ("stride", "levels"), [(stride, levels) for stride in (1, 2) for levels in (2, 3, 4)] + [(4, 3)]
)
def test_the_mask_comes_at_the_stride_asked_for_whatever_the_decoder_ends_with(stride, levels):
    settings = replace(TINY, mask_stride=stride, decoder_filters=[8] * levels)
    built = build_network(settings, 3)
    assert tuple(built.output["mask_logits"].shape[1:]) == (64 // stride, 96 // stride, 3)


def test_the_encoders_features_come_from_fine_to_coarse_and_once(network):
    shapes = [tuple(tensor.shape[1:]) for tensor in encoder_features(network)]
    # Lite0 has 16, 24, 40, 112 and 320 channels at strides 2 to 32; the window is 64 x 96.
    assert shapes == [(32, 48, 16), (16, 24, 24), (8, 12, 40), (4, 6, 112), (2, 3, 320)]
    two = build_network(replace(TINY, decoder="subpixel", decoder_filters=[8, 8]), 4)
    assert [tensor.shape[1] for tensor in encoder_features(two)] == [16, 8, 4, 2]
    unmasked = build_network(TINY, 4, with_mask=False)
    assert [tensor.shape[1] for tensor in encoder_features(unmasked)] == [8, 4, 2]


@pytest.mark.parametrize("on_features", [True, False])
def test_as_it_learns_one_member_gives_what_the_network_gives(network, on_features):
    inputs = pictures()
    if on_features:
        inputs = keras.Model(network.input, list(encoder_features(network)))(inputs)
    part = as_it_learns(network, on_features)
    expected, found = outputs(network, pictures()), part(inputs, training=False)
    for name, values in expected.items():
        assert numpy_of(found[name]) == pytest.approx(values[:, None], abs=1e-5)
    own = {id(variable) for variable in part.weights}
    others = [v for v in network.weights if not v.path.startswith("encoder_") or not on_features]
    assert own == {id(variable) for variable in others}


@pytest.mark.parametrize("decoder", ["subpixel", "unet"])
@pytest.mark.parametrize("head", ["region", "views", "mask_pooling"])
@pytest.mark.parametrize("with_mask", [True, False])
def test_the_network_answers_with_the_mean_of_its_members(decoder, head, with_mask):
    settings = replace(TINY, decoder=decoder, decoder_filters=[8, 8], head=head, members=3)
    built = build_network(settings, 4, with_mask)
    together, apart = outputs(built, pictures()), outputs(as_it_learns(built, False), pictures())
    assert together.keys() == apart.keys()
    for name, values in together.items():
        each = apart[name]
        assert each.shape == (2, 3, *values.shape[1:])
        assert not np.array_equal(each[:, 0], each[:, 1])
        assert not np.array_equal(each[:, 1], each[:, 2])
        assert each.mean(axis=1) == pytest.approx(values, abs=1e-5)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("head", ["region", "views", "mask_pooling"])
@pytest.mark.parametrize("with_mask", [True, False])
def test_the_part_lists_its_weights_in_the_order_of_the_network(head, with_mask, members):
    # Under JAX an optimizer pairs gradients with weights by their place.
    whole = build_network(replace(TINY, head=head, members=members), 4, with_mask)
    set_encoder_trainable(whole, False)
    part = as_it_learns(whole, on_features=True)
    assert [v.path for v in part.trainable_variables] == [v.path for v in whole.trainable_variables]
