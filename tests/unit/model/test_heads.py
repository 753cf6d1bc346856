from dataclasses import replace

import keras
import numpy as np
import pytest
from tiny_network import TINY, numpy_of, outputs, pictures

from capsule_inspect.choices import LABEL_HEADS
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.model.heads import HEADS, pool_features
from capsule_inspect.model.keras_runner import KerasRunner
from capsule_inspect.model.network import build_network
from capsule_inspect.settings.groups import ModelSettings


@pytest.mark.parametrize("head", list(HEADS))
@pytest.mark.parametrize("with_mask", [True, False])
def test_every_head_builds_with_and_without_a_mask(head, with_mask):
    settings = replace(TINY, head=head, head_units=[8, 6], head_dropout=0.4)
    built = build_network(settings, 3, with_mask)
    assert set(built.output) == ({"logits", "mask_logits"} if with_mask else {"logits"})
    dense = [layer for layer in built.layers if isinstance(layer, keras.layers.Dense)]
    told_by_dense = 1 if head == "region" else 3
    assert [layer.units for layer in dense][-2:] == [6, told_by_dense]
    dropout = [layer.rate for layer in built.layers if isinstance(layer, keras.layers.Dropout)]
    assert dropout == [0.4, 0.4]
    ran = KerasRunner(built)(pictures(1)[0])
    assert ran.logits.shape == (3,)
    assert (ran.mask_logits is not None) == with_mask


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


def test_the_region_head_tells_the_defect_where_the_mask_sees_one():
    keras.utils.set_random_seed(0)
    built = build_network(replace(TINY, head="region"), 4)
    # Fresh, the mask is so faint that no place is sure.
    mask_layer = built.get_layer("mask_classes")
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
    assert logits[1:] == pytest.approx(expected - expected.max(), abs=1e-4)
    assert np.ptp(expected) > 1e-3


def test_features_are_scored_around_zero_and_within_six_deviations():
    built = build_network(replace(TINY, head="region"), 4)
    norm = built.get_layer("features_16_norm")
    image = built.input
    scored = keras.Model(image, built.get_layer("head_region_16_conv").input)
    normalized = keras.Model(image, norm.output)
    seen = numpy_of(scored(pictures()))
    assert seen == pytest.approx(np.clip(numpy_of(normalized(pictures())) / 2, -3, 3), abs=1e-5)


def test_every_head_can_be_chosen():
    assert tuple(HEADS) == LABEL_HEADS


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


def test_without_a_mask_the_region_head_scores_the_whole_window():
    built = build_network(replace(TINY, head="region"), 4, with_mask=False)
    for stride in (8, 16, 32):
        layer = built.get_layer(f"head_region_{stride}_conv")
        random = np.random.default_rng(stride)
        layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    probe = keras.Model(
        built.input, [built.output["logits"], built.get_layer("head_region_sum").output]
    )
    logits, scores = (numpy_of(value)[0] for value in probe(pictures(1)))
    expected = scores.mean(axis=(0, 1))
    assert logits[1:] == pytest.approx(expected - expected.max(), abs=1e-4)


def test_gradients_do_not_train_the_scores_of_the_region_head():
    built = build_network(replace(TINY, head="region"), 4)
    for stride in (8, 16, 32):
        assert built.get_layer(f"head_region_{stride}_conv").trainable_weights == []


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
    assert features.shape == (2, 3, 352)
    assert pooled == pytest.approx(features.mean(axis=(0, 1)), abs=1e-5)
