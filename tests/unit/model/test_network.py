from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from capsule_inspect.errors import ConfigError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.model.heads import HEADS, pool_features
from capsule_inspect.model.network import build_network
from capsule_inspect.model.runner import KerasRunner
from capsule_inspect.settings.model_settings import LABEL_HEADS, ModelSettings


def numpy_of(value) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(value))


TINY = ModelSettings(
    weights="none", roi=Roi("capsule", 96, 64, 80), decoder_filters=[8, 8, 8, 8], head_units=[8]
)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    built = build_network(TINY, 4)
    # Fresh heads are so faint that everything would look alike.
    for layer in built.layers:
        if not layer.name.startswith("encoder_"):
            layer.set_weights([3 * w if w.ndim > 1 else w for w in layer.get_weights()])
    return built


def pictures(count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 64, 96, 3)).astype(np.uint8)


def outputs(model: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    return {name: numpy_of(value) for name, value in model(images, training=False).items()}


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
        ({"decoder_filters": [8, 8, 8, 8, 8]}, "at most 4 levels for efficientnet_lite0"),
        ({"encoder": "resnet"}, r"model.encoder.*efficientnet_lite0.*convnext_tiny"),
        ({"weights": "nowhere.weights.h5"}, "model.weights"),
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


def test_every_head_can_be_chosen():
    assert tuple(HEADS) == LABEL_HEADS


@pytest.mark.parametrize("head", list(HEADS))
@pytest.mark.parametrize("with_mask", [True, False])
def test_every_head_builds_with_and_without_a_mask(head, with_mask):
    settings = replace(TINY, head=head, head_units=[8, 6], head_dropout=0.4)
    built = build_network(settings, 3, with_mask)
    assert set(built.output) == ({"logits", "mask_logits"} if with_mask else {"logits"})
    dense = [layer for layer in built.layers if isinstance(layer, keras.layers.Dense)]
    told_by_dense = 1 if head == "region" and with_mask else 3
    assert [layer.units for layer in dense][-2:] == [6, told_by_dense]
    dropout = [layer.rate for layer in built.layers if isinstance(layer, keras.layers.Dropout)]
    assert dropout == [0.4, 0.4]
    ran = KerasRunner(built)(pictures(1)[0])
    assert ran.logits.shape == (3,)
    assert (ran.mask_logits is not None) == with_mask


@pytest.mark.parametrize("head", list(HEADS))
def test_features_are_the_means_of_the_encoders_coarsest_with_any_head(head):
    built = build_network(replace(TINY, head=head), 3)
    coarsest = built.get_layer("encoder_6_0_project_norm").output
    features, coarse = (
        numpy_of(value)[0]
        for value in keras.Model(built.input, [pool_features(built), coarsest])(pictures(1))
    )
    assert features.shape == (320,)
    assert features == pytest.approx(coarse.mean(axis=(0, 1)), abs=1e-5)


def test_pooling_under_the_mask_is_a_mean_weighted_by_the_defect():
    settings = replace(TINY, head="mask_pooling", head_units=[8])
    built = build_network(settings, 3)
    join = built.get_layer("head_join")
    pooled, fine, mask = (
        numpy_of(value)[0]
        for value in keras.Model(
            built.input,
            [
                join.output,
                built.get_layer("decoder_1_1_relu").output,
                built.get_layer("head_mask_logits").output,
            ],
        )(pictures(1))
    )
    shares = np.exp(mask) / np.exp(mask).sum(axis=-1, keepdims=True)
    weight = 1 - shares[..., :1]
    assert fine.shape[:2] == mask.shape[:2] == (8, 12)
    expected = (fine * weight).sum(axis=(0, 1)) / weight.sum()
    assert pooled[-8:] == pytest.approx(expected, abs=1e-4)


def test_the_views_head_looks_under_the_defect_and_at_the_mask():
    keras.utils.set_random_seed(0)
    built = build_network(replace(TINY, head="views"), 3)
    names = ("decoder_1_1_relu", "head_mask_logits", "head_mask_peak", "head_mask_mean")
    names += ("head_sum", "head_relu")
    seen = [built.get_layer("head_under").input, *(built.get_layer(n).output for n in names)]
    under, fine, mask, peak, mean, joined, hidden = (
        numpy_of(value)[0] for value in keras.Model(built.input, seen)(pictures(1))
    )
    shares = np.exp(mask) / np.exp(mask).sum(axis=-1, keepdims=True)
    assert under == pytest.approx(fine * (1 - shares[..., :1]), abs=1e-5)
    assert peak == pytest.approx(shares.max(axis=(0, 1)), abs=1e-5)
    assert mean == pytest.approx(shares.mean(axis=(0, 1)), abs=1e-5)
    assert hidden == pytest.approx(np.maximum(joined, 0), abs=1e-6)


def test_the_region_head_tells_the_defect_where_the_mask_sees_one():
    keras.utils.set_random_seed(0)
    built = build_network(replace(TINY, head="region"), 4)
    # Fresh, the mask is so faint that no place is sure.
    mask_layer = built.get_layer("mask_logits")
    mask_layer.set_weights([400 * w for w in mask_layer.get_weights()])
    assert (outputs(built, pictures(1))["logits"][0, 1:] == 0).all()  # none is likelier at first
    for stride in (8, 16, 32):
        layer = built.get_layer(f"head_region_{stride}_conv")
        layer.set_weights(
            [w + 0.1 * (1 + np.arange(w.size).reshape(w.shape) % 5) for w in layer.get_weights()]
        )
    probe = keras.Model(
        built.input,
        [
            built.output["logits"],
            built.get_layer("head_mask_logits").output,
            built.get_layer("head_region_sum").output,
        ],
    )
    logits, mask, scores = (numpy_of(value)[0] for value in probe(pictures(1)))
    odds = mask[..., 1:].max(axis=-1) - mask[..., 0]
    coarse = np.minimum(odds.reshape(4, 2, 6, 2).max(axis=(1, 3)), 2.0)
    assert 0 < (coarse == 2).mean() < 1
    weights = np.exp(coarse) / np.exp(coarse).sum()
    expected = (scores * weights[..., None]).sum(axis=(0, 1))
    assert logits[1:] == pytest.approx(expected, abs=1e-4)
    assert np.ptp(expected) > 1e-3


def test_the_region_heads_kernels_are_held_small():
    settings = replace(TINY, head="region", head_l2=0.25)
    built = build_network(settings, 4)
    squares = 0.0
    for stride in (8, 16, 32):
        layer = built.get_layer(f"head_region_{stride}_conv")
        kernel, *bias = layer.get_weights()
        layer.set_weights([kernel + 0.1 * stride, *bias])
        squares += kernel.size * (0.1 * stride) ** 2
    assert float(sum(built.losses)) == pytest.approx(0.25 * squares, rel=1e-4)


def test_features_are_scored_around_zero_and_within_six_deviations():
    built = build_network(replace(TINY, head="region"), 4)
    norm = built.get_layer("head_region_16_norm")
    image = built.input
    scored = keras.Model(image, built.get_layer("head_region_16_conv").input)
    normalized = keras.Model(image, norm.output)
    seen = numpy_of(scored(pictures()))
    assert seen == pytest.approx(np.clip(numpy_of(normalized(pictures())) / 2, -3, 3), abs=1e-5)


def test_the_runner_gives_one_picture_and_takes_its_outputs(network):
    image = pictures(1)[0]
    before = image.copy()
    ran = KerasRunner(network)(image)
    expected = outputs(network, image[None])
    assert ran.logits.shape == (4,)
    assert ran.mask_logits.shape == (32, 48, 4)
    assert (ran.logits.dtype, ran.mask_logits.dtype) == (np.float32, np.float32)
    assert ran.logits == pytest.approx(expected["logits"][0], abs=1e-4)
    assert ran.mask_logits == pytest.approx(expected["mask_logits"][0], abs=1e-4)
    assert np.array_equal(image, before)
