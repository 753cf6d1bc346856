from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from still import STILL

from capsule_inspect.errors import DataError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.groups import AugmentSettings, TrainSettings
from capsule_inspect.training.batches import Batches, Pool
from capsule_inspect.training.crops import MARGIN, TrainingCrop

CLASSES = ("good", "crack", "poke", "squeeze")
ROI = Roi("capsule", 96, 64, 80)
SETTINGS = TrainSettings(steps=5, batch_size=8, transplant=0.0, drawn_share=0.0, augment=STILL)


def crop(label: int, number: int, red: int = 0) -> TrainingCrop:
    """A plain crop whose colour tells where it came from."""
    shape = (ROI.height + 2 * MARGIN, ROI.width + 2 * MARGIN)
    mask = np.zeros(shape, np.uint8)
    if label:
        mask[60:80, 70:100] = 255
    image = np.full((*shape, 3), (red, 40 * label + 20, 10 * number), np.uint8)
    return TrainingCrop(image, mask, label)


# One crack, five pokes: the classes are uneven, the batches shall not be.
REAL = [crop(0, i) for i in range(7)] + [crop(1, 0)] + [crop(2, i) for i in range(5)]
REAL += [crop(3, 0), crop(3, 1)]
DRAWN = [crop(label, i, red=200) for label in range(4) for i in range(2)]


def batches(
    first_epoch: int = 0, real=REAL, drawn=(), mask_stride: int | None = 2, **changes
) -> Batches:
    settings = replace(SETTINGS, **changes)
    return Batches(real, drawn, CLASSES, ROI, settings, mask_stride, first_epoch)


def equal(one, other) -> bool:
    return np.array_equal(one[0], other[0]) and all(
        np.array_equal(one[1][name], other[1][name]) for name in ("logits", "mask_logits")
    )


def labels(supply: Batches, epochs: int) -> list[int]:
    found = []
    for _ in range(epochs):
        for index in range(len(supply)):
            found += supply[index][1]["logits"].argmax(axis=1).tolist()
        supply.epoch += 1
    return found


def test_a_batch_has_the_shapes_the_network_takes():
    images, targets = batches()[0]
    assert (images.shape, images.dtype) == ((8, 64, 96, 3), np.uint8)
    assert (targets["logits"].shape, targets["logits"].dtype) == ((8, 4), np.float32)
    assert (targets["mask_logits"].shape, targets["mask_logits"].dtype) == (
        (8, 32, 48, 4),
        np.float32,
    )
    assert len(batches()) == 5


def test_masks_come_at_the_stride_asked_for_or_not_at_all():
    full, half = batches(mask_stride=1)[0], batches()[0]
    assert full[1]["mask_logits"].shape == (8, 64, 96, 4)
    means = full[1]["mask_logits"].reshape(8, 32, 2, 48, 2, 4).mean(axis=(2, 4))
    assert means == pytest.approx(half[1]["mask_logits"], abs=1e-6)
    assert set(batches(mask_stride=None)[0][1]) == {"logits"}


def test_a_defect_without_a_mask_has_a_target_of_nothing_and_is_not_transplanted():
    unmasked = [c if c.label == 0 else replace(c, mask=None) for c in REAL]
    images, targets = batches(real=unmasked, transplant=1.0)[0]
    sums = targets["mask_logits"].sum(axis=-1)
    for one_hot, total in zip(targets["logits"], sums, strict=True):
        assert (total == (1 if one_hot[0] else 0)).all()
    assert targets["logits"].sum(axis=0)[0] == 4
    assert images.shape == (8, 64, 96, 3)


def test_half_of_each_batch_is_good_and_half_defective():
    supply = batches()
    for index in range(5):
        counts = supply[index][1]["logits"].sum(axis=0)
        assert counts[0] == 4
        assert counts[1:].sum() == 4


def test_defects_are_drawn_evenly_over_the_classes():
    counts = Counter(labels(batches(steps=50), epochs=3))
    assert counts[0] == 600
    for label in (1, 2, 3):  # 200 each, within four standard deviations of a fair draw
        assert abs(counts[label] - 200) < 4 * np.sqrt(600 * (1 / 3) * (2 / 3))


def test_targets_belong_to_their_images():
    images, targets = batches()[3]
    for image, one_hot, shares in zip(
        images, targets["logits"], targets["mask_logits"], strict=True
    ):
        label = int(one_hot.argmax())
        assert one_hot.sum() == 1
        assert image[0, 0, 1] == 40 * label + 20
        assert shares.sum(axis=-1) == pytest.approx(1)
        # The mask covers window rows 28 to 48 and columns 38 to 68, at half the size here.
        expected = np.zeros((32, 48))
        if label:
            expected[14:24, 19:34] = 1
        assert shares[..., 0] == pytest.approx(1 - expected)
        if label:
            assert shares[..., label] == pytest.approx(expected)


def test_a_batch_depends_on_seed_epoch_and_place_alone():
    varied = {"augment": AugmentSettings(), "transplant": 0.5, "drawn_share": 0.25}
    one, other = batches(drawn=DRAWN, **varied), batches(drawn=DRAWN, **varied)
    third = other[3]
    assert equal(one[2], other[2])
    assert equal(one[3], third)
    assert not equal(one[2], one[3])
    assert not equal(one[2], batches(drawn=DRAWN, seed=1, **varied)[2])
    first = one[2]
    one.epoch += 1
    assert not equal(first, one[2])


def test_a_resumed_run_sees_what_an_uninterrupted_one_would_have_seen():
    whole, resumed = batches(augment=AugmentSettings()), batches(2, augment=AugmentSettings())
    whole.epoch += 1
    whole.epoch += 1
    for _ in range(2):
        assert all(equal(whole[index], resumed[index]) for index in range(5))
        whole.epoch += 1
        resumed.epoch += 1


def test_peeking_shows_the_batches_of_an_epoch_and_moves_nothing():
    supply, later = batches(), batches(7)
    before = supply[0]
    peeked = supply.peek_images(7, 3)
    assert all(np.array_equal(peeked[i], later[i][0]) for i in range(3))
    assert len(peeked) == 3
    assert equal(before, supply[0])


def test_transplants_make_defects_of_good_crops_but_never_squeezed_ones():
    counts = Counter(labels(batches(steps=40, transplant=1.0), epochs=2))
    # Good slots turn into crack or poke two times of three; a squeezed donor leaves them good.
    assert 320 / 3 - 4 * 8.5 < counts[0] < 320 / 3 + 4 * 8.5
    squeezed = counts[3] / 320
    assert squeezed == pytest.approx(1 / 3, abs=0.11)


def test_drawn_capsules_take_their_share():
    supply = batches(steps=60, drawn=DRAWN, drawn_share=0.25)
    red = np.concatenate([supply[i][0][:, 0, 0, 0] for i in range(60)])
    assert set(red) == {0, 200}
    assert (red == 200).mean() == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 480))


@pytest.mark.parametrize("drawn", [[], [c for c in DRAWN if c.label == 0]])
def test_without_drawn_capsules_of_both_kinds_all_are_real(drawn):
    supply = batches(drawn=drawn, drawn_share=1.0)
    assert all((supply[i][0][:, 0, 0, 0] == 0).all() for i in range(5))


@pytest.mark.parametrize(
    "real", [[], [c for c in REAL if c.label == 0], [c for c in REAL if c.label != 0]]
)
def test_one_kind_alone_is_refused(real):
    with pytest.raises(DataError, match=r"manifest\.csv"):
        batches(real=real)


def pooled_crop(label: int, number: int) -> TrainingCrop:
    return TrainingCrop(np.full((2, 2, 3), 10 * number, np.uint8), None, label)


def test_the_pool_picks_from_every_group_and_only_from_groups_that_exist():
    counts = {0: 7, 2: 5, 3: 2}
    crops = [pooled_crop(label, i) for label, count in counts.items() for i in range(count)]
    pool = Pool.of(crops, 4)
    assert pool.defects == (2, 3)
    assert [len(group) for group in pool.by_class] == [7, 0, 5, 2]
    random = np.random.default_rng(0)
    good = [pool.pick(False, random) for _ in range(200)]
    bad = [pool.pick(True, random) for _ in range(400)]
    assert {c.label for c in good} == {0}
    assert {int(c.image[0, 0, 2]) for c in good} == {10 * i for i in range(7)}
    assert Counter(c.label for c in bad)[3] == pytest.approx(200, abs=40)
    assert {int(c.image[0, 0, 2]) for c in bad if c.label == 2} == {10 * i for i in range(5)}
