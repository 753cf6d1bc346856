import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import DataError
from capsule_inspect.settings.groups import TrainSettings
from capsule_inspect.training.sampler import Pool, Sampler
from capsule_inspect.training.sources import SourceKey
from capsule_inspect.training.views import ViewKey

CLASSES = ("good", "crack", "poke", "squeeze")
SQUEEZE = 3
SETTINGS = TrainSettings(
    epochs=3, steps=50, batch_size=8, transplant=0.0, drawn_share=0.0, encoder_learning_rate=0.0
)


def real(label: int, number: int, has_mask: bool = True) -> SourceKey:
    sample = Sample(f"{label}-{number}.png", CLASSES[label], "", "train", None, "", 9, 9)
    return SourceKey(label, sample, 0, f"{label} {number}", has_mask)


def drawn(label: int, number: int) -> SourceKey:
    return SourceKey(label, None, number, f"drawn 0 {number} {CLASSES[label]}")


# One crack, five pokes: the classes are uneven, the batches shall not be.
COUNTS = {0: 7, 1: 1, 2: 5, SQUEEZE: 2}
REAL = [real(label, i) for label, count in COUNTS.items() for i in range(count)]
DRAWN = [drawn(label, 2 * label + i) for label in range(4) for i in range(2)]


def sampler(keys=REAL, drawn=(), repeated: bool = False, **changes) -> Sampler:
    return Sampler(keys, drawn, CLASSES, replace(SETTINGS, **changes), repeated)


def picked(sampler: Sampler, batches: int, epoch: int = 0) -> list[ViewKey]:
    return [view for index in range(batches) for view in sampler.batch(epoch, index)]


MIXED = {"transplant": 0.5, "drawn_share": 0.25, "drawn": DRAWN}


@pytest.mark.parametrize("repeated", [False, True])
def test_a_batch_depends_on_seed_epoch_and_place_alone(repeated):
    one, other = sampler(repeated=repeated, **MIXED), sampler(repeated=repeated, **MIXED)
    third = other.batch(4, 3)
    assert one.batch(4, 2) == other.batch(4, 2)
    assert one.batch(4, 3) == third
    different = {
        one.batch(4, 2),
        one.batch(4, 3),
        one.batch(5, 2),
        sampler(repeated=repeated, seed=1, **MIXED).batch(4, 2),
    }
    assert len(different) == 4


def test_half_of_each_batch_is_good_and_half_defective():
    for index in range(5):
        labels = [view.label for view in sampler().batch(0, index)]
        assert len(labels) == 8
        assert labels.count(0) == 4


def test_defects_are_picked_evenly_over_the_classes():
    counts = Counter(view.label for view in picked(sampler(), 150))
    assert counts[0] == 600
    for label in (1, 2, 3):  # 200 each, within four standard deviations of a fair draw
        assert abs(counts[label] - 200) < 4 * np.sqrt(600 * (1 / 3) * (2 / 3))


def test_transplants_make_defects_of_good_capsules_but_never_squeezed_ones():
    views = picked(sampler(transplant=1.0), 80)
    counts = Counter(view.label for view in views)
    # Good slots turn into crack or poke two times of three; a squeezed donor leaves them good.
    assert 320 / 3 - 4 * 8.5 < counts[0] < 320 / 3 + 4 * 8.5
    assert counts[SQUEEZE] / 320 == pytest.approx(1 / 3, abs=0.11)
    moved = [view for view in views if view.host]
    assert len(moved) + counts[0] == 320
    assert {view.label for view in moved} == {1, 2}
    assert {view.host.label for view in moved} == {0}


def test_transplants_take_their_share():
    views = picked(sampler([key for key in REAL if key.label != SQUEEZE], transplant=0.25), 150)
    share = sum(view.host is not None for view in views) / 600
    assert share == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 600))


def test_a_defect_that_nobody_outlined_is_not_transplanted():
    keys = [replace(key, has_mask=key.label == 0) for key in REAL]
    assert not any(view.host for view in picked(sampler(keys, transplant=1.0), 30))


def test_drawn_capsules_take_their_share_and_are_not_transplanted():
    views = picked(sampler(drawn=DRAWN, drawn_share=0.25, transplant=1.0), 100)
    own = [view for view in views if view.source.sample is None]
    assert len(own) / 800 == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 800))
    assert not any(view.host for view in own)
    assert {view.source for view in own} == set(DRAWN)
    assert all(view.host.sample for view in views if view.host)


@pytest.mark.parametrize("drawn", [[], [key for key in DRAWN if key.label == 0]])
def test_without_drawn_capsules_of_both_kinds_all_are_real(drawn):
    views = picked(sampler(drawn=drawn, drawn_share=1.0), 5)
    assert all(view.source.sample for view in views)


@pytest.mark.parametrize(
    "keys", [[], [k for k in REAL if k.label == 0], [k for k in REAL if k.label != 0]]
)
def test_one_kind_alone_is_refused(keys):
    with pytest.raises(DataError, match=r"manifest\.csv"):
        sampler(keys)


def test_views_that_are_not_repeated_are_never_the_same_twice():
    views = picked(sampler(**MIXED | {"transplant": 0.0}), 200)
    assert len(set(views)) > 0.999 * len(views)


# 3 epochs of 50 batches of 8 have 600 places for good and 600 for defective capsules; a view is
# used 3 times. 600 / 7 / 3 = 28.6; a class of three has a third of the places, and spreads them
# over its capsules: 600 / 3 / 3 = 67 for the one crack, but at most 32; 600 / 15 / 3 = 13.3 for a
# poke, 600 / 6 / 3 = 33.3 for a squeeze.
# With 1 epoch of 20: 80 places. 80 / 7 / 3 = 3.8; 80 / 3 / 3 = 8.9, 80 / 15 / 3 = 1.8 and
# 80 / 6 / 3 = 4.4.
@pytest.mark.parametrize(
    ("epochs", "steps", "variations"),
    [(3, 50, {0: 29, 1: 32, 2: 14, 3: 32}), (1, 20, {0: 4, 1: 9, 2: 2, 3: 5})],
)
def test_each_capsule_has_only_so_many_repeated_views(epochs, steps, variations):
    views = picked(sampler(repeated=True, epochs=epochs, steps=steps), 3000)
    found = {key: {v.variation for v in views if v.source == key} for key in REAL}
    for key, numbers in found.items():
        assert numbers == set(range(variations[key.label])), key


def test_of_views_that_are_used_less_there_are_fewer():
    # Of 240 places for good capsules, drawn ones get 60. Of the others, a third is for transplants,
    # but only two of three classes can be transplanted: 180 * 7 / 9 / 7 / 3 = 6.7.
    # Of 240 for defects, 180 are real: 180 / 3 / 3 = 20 of the crack, 180 / 15 / 3 = 4 of a poke.
    # Of 60 drawn good ones, 60 / 2 / 3 = 10 each; 60 / 6 / 3 = 3.3 of each drawn defect.
    shares = {"drawn_share": 0.25, "drawn": DRAWN, "transplant": 1 / 3}
    views = picked(sampler(repeated=True, epochs=1, steps=60, **shares), 6000)

    def variations(key):
        return {v.variation for v in views if v.source == key and v.host is None}

    assert [len(variations(REAL[place])) for place in (0, 7, 8)] == [7, 20, 4]
    assert [len(variations(key)) for key in DRAWN] == [10, 10, 4, 4, 4, 4, 4, 4]
    # 60 / 3 / 3 = 6.7 hosts of the crack.
    assert len({v.host for v in views if v.host and v.source == REAL[7]}) <= 7


def test_where_nothing_can_be_transplanted_good_capsules_get_all_places():
    unknown = [replace(key, has_mask=False) for key in REAL]
    views = picked(sampler(unknown, repeated=True, transplant=1.0, epochs=1, steps=20), 3000)
    assert not any(view.host for view in views)
    assert {v.variation for v in views if v.source == unknown[0]} == {0, 1, 2, 3}


def test_epochs_that_train_the_encoder_do_not_count():
    both = {"frozen_epochs": 1, "epochs": 5, "encoder_learning_rate": 1e-4}
    views = picked(sampler(repeated=True, steps=20, **both), 3000)
    assert len({v.variation for v in views if v.source == REAL[0]}) == 4


def test_repeated_transplants_are_bounded_as_well():
    views = picked(sampler(repeated=True, transplant=1.0, epochs=1, steps=20), 3000)
    hosts = {key: {v.host for v in views if v.host and v.source == key} for key in REAL}
    for key, most in zip(REAL[7:13], (9, 2, 2, 2, 2, 2), strict=True):
        assert 1 <= len(hosts[key]) <= most
    assert all(view.variation == 0 for view in views if view.host)


GOOD = [real(0, i) for i in range(100)]
DEFECTS = [real(label, i) for label in (1, 2) for i in range(10)]


def pairs(good, defects) -> set[tuple[str, str]]:
    # 108 places for 20 defects: 108 / 20 / 3 = 1.8, so two hosts each; 18 defects, two as well.
    views = picked(
        sampler([*good, *defects], repeated=True, transplant=1.0, epochs=1, steps=27), 400
    )
    return {(view.source.digest, view.host.digest) for view in views if view.host}


def test_where_other_pictures_are_left_out_most_transplants_stay_the_same():
    everything = pairs(GOOD, DEFECTS)
    assert 20 < len(everything) <= 40
    rest = [key for key in GOOD if key.sample.path[-5] != "3"]
    assert len(rest) == 90
    kept = {key.digest for key in rest}
    fewer = pairs(rest, DEFECTS)
    # Those whose host is still there stay; of 40 pairs about 4 lose it.
    assert {(donor, host) for donor, host in everything if host in kept} <= fewer
    assert len(everything & fewer) >= 0.75 * len(everything)
    # Without consistent hashing, a defect that is left out would deal all others anew.
    others = [key for key in DEFECTS if key.digest not in ("1 0", "2 0")]
    mine = {(donor, host) for donor, host in everything if donor not in ("1 0", "2 0")}
    assert mine == pairs(GOOD, others)


def test_hosts_are_spread_over_the_good_capsules():
    views = picked(sampler([*GOOD, *DEFECTS], repeated=False, transplant=1.0), 2000)
    counts = Counter(view.host.digest for view in views if view.host)
    assert len(counts) > 90
    assert max(counts.values()) < sum(counts.values()) / 10


def test_the_pool_picks_from_every_group_and_only_from_groups_that_exist():
    counts = {0: 7, 2: 5, 3: 2}
    keys = [real(label, i) for label, count in counts.items() for i in range(count)]
    pool = Pool.of(keys, 4)
    assert pool.defects == (2, 3)
    assert [len(group) for group in pool.by_class] == [7, 0, 5, 2]
    random = np.random.default_rng(0)
    good = [pool.pick(False, random) for _ in range(200)]
    bad = [pool.pick(True, random) for _ in range(400)]
    assert set(good) == set(keys[:7])
    assert Counter(key.label for key in bad)[3] == pytest.approx(200, abs=4 * math.sqrt(100))
    assert set(bad) == set(keys[7:])


def test_the_classifier_of_regions_sees_one_view_of_each_drawn_defect_beside_the_real_ones():
    views = sampler(repeated=True, **MIXED).views_of_defects()
    from_real = [each for each in views if each[0].source.sample is not None]
    assert {each[0].source for each in from_real} == {key for key in REAL if key.label}
    assert all(len(each) > 1 for each in from_real)
    from_drawn = [each for each in views if each[0].source.sample is None]
    assert sorted(len(each) for each in from_drawn) == [1] * 6
    assert {each[0].source for each in from_drawn} == {key for key in DRAWN if key.label}


def test_without_a_share_of_drawn_capsules_the_classifier_of_regions_sees_none():
    views = sampler(repeated=True, drawn=DRAWN).views_of_defects()
    assert all(view.source.sample for each in views for view in each)


def test_hints_are_fitted_to_good_and_defective_real_capsules():
    chosen = sampler(repeated=True, **MIXED)
    views = chosen.views_of_all()
    assert {view.source for each in views for view in each} == set(REAL)
    assert sorted(each[0].source.digest for each in views) == sorted(key.digest for key in REAL)
    # Most of their views are those of the batches, and so are stored already.
    seen = {view for epoch in range(3) for view in picked(chosen, 50, epoch)}
    good = [view for each in views for view in each if not view.label]
    assert np.mean([view in seen for view in good]) > 0.8


def test_of_very_many_good_capsules_hints_are_fitted_to_some():
    many = [real(0, i) for i in range(1500)] + [real(1, i) for i in range(3)]
    views = sampler(many, repeated=True).views_of_all()
    good = [each for each in views if not each[0].label]
    assert [len(each) for each in good] == [1] * 1200
    assert len({each[0].source for each in good}) == 1200
    again = sampler(many[::-1], repeated=True).views_of_all()
    assert {each[0] for each in again} == {each[0] for each in views}
