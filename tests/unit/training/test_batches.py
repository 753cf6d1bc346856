import gc
import weakref
from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from capsule_inspect.settings.groups import TrainSettings
from capsule_inspect.training.batches import (
    Batches,
    Example,
    KerasFeed,
    image_examples,
    shrink_mask,
)
from capsule_inspect.training.sampler import Sampler
from capsule_inspect.training.sources import SourceKey
from capsule_inspect.training.views import View, ViewKey

CLASSES = ("good", "crack", "poke", "squeeze")
SETTINGS = TrainSettings(steps=5, batch_size=8, transplant=0.5, drawn_share=0.0)
REAL = [SourceKey(label, None, i, f"{label} {i}") for label in range(4) for i in range(3)]


def view(key: ViewKey) -> View:
    """A plain window whose colour tells its key."""
    image = np.full((64, 96, 3), 40 * key.label + 20, np.uint8)
    image[0, 0] = list(bytes.fromhex(key.digest)[:3])
    mask = np.zeros((64, 96), np.uint8)
    if key.label:
        mask[28:48, 38:68] = 255
    return View(image, mask, key.label)


def features(key: ViewKey) -> Example:
    """Two levels of features that tell the key."""
    random = np.random.default_rng(list(bytes.fromhex(key.digest)))
    levels = tuple(
        random.normal(size=shape).astype(np.float16) for shape in ((32, 48, 4), (16, 24, 8))
    )
    return Example(levels, shrink_mask(view(key).mask, (32, 48)), key.label)


def batches(epoch=0, load=None, mask_shape=(32, 48), **changes) -> Batches:
    train = replace(SETTINGS, **changes)
    sampler = Sampler(REAL, (), CLASSES, train, repeated=False)
    load = load or image_examples(view, (32, 48))
    made = Batches(sampler, load, train, len(CLASSES), mask_shape)
    made.epoch = epoch
    return made


def equal(one, other) -> bool:
    return np.array_equal(one[0], other[0]) and all(
        np.array_equal(one[1][name], other[1][name]) for name in ("logits", "mask_logits")
    )


def test_a_batch_has_the_shapes_the_network_takes():
    images, targets = batches()[0]
    assert (images.shape, images.dtype) == ((8, 64, 96, 3), np.uint8)
    assert (targets["logits"].shape, targets["logits"].dtype) == ((8, 4), np.float32)
    assert (targets["mask_logits"].shape, targets["mask_logits"].dtype) == (
        (8, 32, 48, 4),
        np.float32,
    )
    assert len(batches()) == 5


def test_features_come_level_by_level_as_they_are_stored():
    (fine, coarse), targets = batches(load=features)[0]
    assert (fine.shape, fine.dtype) == ((8, 32, 48, 4), np.float16)
    assert (coarse.shape, coarse.dtype) == ((8, 16, 24, 8), np.float16)
    keys = Sampler(REAL, (), CLASSES, SETTINGS, repeated=False).batch(0, 0)
    for own_fine, own_coarse, key in zip(fine, coarse, keys, strict=True):
        expected = features(key).inputs
        assert np.array_equal(own_fine, expected[0])
        assert np.array_equal(own_coarse, expected[1])
    assert equal((0, targets), (0, batches()[0][1]))


def test_masks_come_at_the_size_asked_for_or_not_at_all():
    full = batches(load=image_examples(view, (64, 96)), mask_shape=(64, 96))[0]
    means = full[1]["mask_logits"].reshape(8, 32, 2, 48, 2, 4).mean(axis=(2, 4))
    assert means == pytest.approx(batches()[0][1]["mask_logits"], abs=1e-6)
    assert set(batches(mask_shape=None)[0][1]) == {"logits"}


def test_a_defect_without_a_mask_has_a_target_of_nothing():
    def unmasked(key: ViewKey) -> View:
        return replace(view(key), mask=None) if key.label else view(key)

    _, targets = batches(load=image_examples(unmasked, (32, 48)))[0]
    sums = targets["mask_logits"].sum(axis=-1)
    for one_hot, total in zip(targets["logits"], sums, strict=True):
        assert (total == (1 if one_hot[0] else 0)).all()
    assert 0 < targets["logits"][:, 0].sum() < 8


def test_targets_belong_to_their_images():
    images, targets = batches()[3]
    assert set(targets["logits"].argmax(axis=1)) > {0}
    for image, one_hot, shares in zip(
        images, targets["logits"], targets["mask_logits"], strict=True
    ):
        label = int(one_hot.argmax())
        assert one_hot.sum() == 1
        assert image[9, 9, 1] == 40 * label + 20
        assert shares.sum(axis=-1) == pytest.approx(1)
        # The mask covers window rows 28 to 48 and columns 38 to 68, at half the size here.
        expected = np.zeros((32, 48))
        if label:
            expected[14:24, 19:34] = 1
        assert shares[..., 0] == pytest.approx(1 - expected)
        if label:
            assert shares[..., label] == pytest.approx(expected)


def test_a_batch_depends_on_seed_epoch_and_place_alone():
    one, other = batches(), batches()
    third = other[3]
    assert equal(one[2], other[2])
    assert equal(one[3], third)
    assert not equal(one[2], one[3])
    assert not equal(one[2], batches(seed=1)[2])
    first = one[2]
    one.epoch += 1
    assert not equal(first, one[2])


def test_a_resumed_run_sees_what_an_uninterrupted_one_would_have_seen():
    whole, resumed = batches(), batches(2)
    whole.epoch += 1
    whole.epoch += 1
    for _ in range(2):
        assert all(equal(whole[index], resumed[index]) for index in range(5))
        whole.epoch += 1
        resumed.epoch += 1


def test_peeking_shows_the_batches_of_an_epoch_and_moves_nothing():
    supply, later = batches(), batches(7)
    before = supply[0]
    peeked = supply.peek_inputs(7, 3)
    assert all(np.array_equal(peeked[i], later[i][0]) for i in range(3))
    assert len(peeked) == 3
    assert equal(before, supply[0])


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
        lambda half: arrays.arrays(np.uint8, (2 * half[0], 2 * half[1]))
    )
)
def test_a_small_mask_holds_means_over_areas(mask):
    height, width = mask.shape[0] // 2, mask.shape[1] // 2
    small = shrink_mask(mask, (height, width))
    assert (small.shape, small.dtype) == ((height, width), np.uint8)
    means = mask.reshape(height, 2, width, 2).astype(float).mean(axis=(1, 3))
    assert small == pytest.approx(means, abs=0.6)


def test_shares_are_those_of_the_small_mask():
    def speckled(key: ViewKey) -> View:
        random = np.random.default_rng(list(bytes.fromhex(key.digest)))
        mask = random.integers(0, 256, (64, 96)).astype(np.uint8)
        return replace(view(key), mask=mask if key.label else 0 * mask)

    _, targets = batches(load=image_examples(speckled, (32, 48)))[0]
    keys = Sampler(REAL, (), CLASSES, SETTINGS, repeated=False).batch(0, 0)
    for shares, key in zip(targets["mask_logits"], keys, strict=True):
        assert shares.sum(axis=-1) == pytest.approx(1)
        assert (shares >= 0).all()
        if key.label:
            means = speckled(key).mask.reshape(32, 2, 48, 2).astype(float).mean(axis=(1, 3)) / 255
            assert shares[..., key.label] == pytest.approx(means, abs=0.6 / 255)
        else:
            assert (shares[..., 0] == 1).all()


def test_keras_does_not_keep_the_batches_that_it_has_iterated():
    image = keras.Input((64, 96, 3), dtype="uint8", name="image")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    network = keras.Model(image, {"logits": keras.layers.Dense(len(CLASSES))(pooled)})
    network.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    supply = batches(mask_shape=None)
    history = network.fit(KerasFeed(supply), verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    kept = weakref.ref(supply)
    del supply
    gc.collect()
    assert kept() is None
