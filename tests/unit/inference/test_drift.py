import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.inference.drift import DriftMeter, Shift, describe_drift, read_shifts
from capsule_inspect.inference.warnings import Observation
from capsule_inspect.modelfile.metadata import RANGE_NAMES, Range, TrainingStatistics

STATISTICS = TrainingStatistics(
    (0.0,), (1.0,), 10.0, tuple(Range(name, 10.0, 20.0) for name in RANGE_NAMES)
)


def measure(looks, statistics=STATISTICS, score: float | None = 15.0):
    meter = DriftMeter(statistics)
    meter.add(Observation(look, score) for look in looks)
    return meter.shifts()


def test_a_batch_like_the_training_says_nothing():
    assert measure([Appearance(15, 15, 15, 15, 15, 15, 15)] * 9) == ()
    assert describe_drift(()) == ""


def test_what_leaves_its_range_is_named_with_median_and_range():
    looks = [Appearance(15, 15, blue, 9, 15, 15, 15) for blue in (20, 21, 22, 23, 24)]
    assert measure(looks) == (Shift("blue", 22.0, 10.0, 20.0), Shift("length", 9.0, 10.0, 20.0))


@pytest.mark.parametrize(("value", "drifts"), [(10, False), (20, False), (9.9, True), (20.1, True)])
def test_the_ends_of_a_range_belong_to_it(value, drifts):
    assert bool(measure([Appearance(15, value, 15, 15, 15, 15, 15)] * 5)) == drifts


@pytest.mark.parametrize(
    ("blockiness", "noise", "names"),
    [
        (0, 0, []),  # better than the training pictures
        (30, 30, []),  # half as much again as the highest needs no warning
        (30.1, 30, ["blockiness"]),
        (30, 30.1, ["noise"]),
    ],
)
def test_compression_and_noise_count_above_the_limits_of_their_warnings(blockiness, noise, names):
    shifts = measure([Appearance(15, 15, 15, 15, 15, blockiness, noise)] * 5)
    assert [each.name for each in shifts or ()] == names


def test_a_file_without_their_ranges_has_no_such_drift():
    old = replace(STATISTICS, ranges=(*STATISTICS.ranges[:5], STATISTICS.ranges[-1]))
    assert measure([Appearance(15, 15, 15, 15, 15, 99, 99)] * 5, statistics=old) == ()


def test_one_odd_picture_of_many_is_no_drift():
    assert (
        measure(
            [Appearance(15, 15, 15, 15, 15, 15, 15)] * 6
            + [Appearance(255, 0, 255, 99, 0, 15, 15)] * 3
        )
        == ()
    )


def test_a_few_pictures_are_no_batch():
    assert measure([Appearance(255, 0, 255, 99, 0, 15, 15)] * 4) is None


def test_a_network_without_scores_is_judged_by_its_looks():
    shifts = measure([Appearance(15, 15, 15, 9, 15, 15, 15)] * 5, score=None)
    assert shifts == (Shift("length", 9.0, 10.0, 20.0),)


def test_the_score_is_one_of_what_can_drift():
    shifts = measure([Appearance(15, 15, 15, 15, 15, 15, 15)] * 5, score=21.5)
    assert shifts == (Shift("ood_score", 21.5, 10.0, 20.0),)


def test_without_statistics_nothing_is_known():
    assert measure([Appearance(255, 0, 255, 99, 0, 15, 15)] * 9, statistics=None) is None


ABOVE, BELOW = 25.0, 5.0


def describe(**medians: float) -> str:
    return describe_drift([Shift(name, median, 10.0, 20.0) for name, median in medians.items()])


@pytest.mark.parametrize(
    ("medians", "words"),
    [
        ({"red": ABOVE, "green": ABOVE, "blue": ABOVE}, "brighter"),
        ({"red": BELOW, "green": BELOW, "blue": BELOW}, "darker"),
        ({"green": ABOVE, "blue": ABOVE}, "brighter"),  # the third is close to its end, as a rule
        ({"red": BELOW, "blue": BELOW}, "darker"),
        ({"red": ABOVE}, "redder"),
        ({"green": ABOVE}, "greener"),
        ({"blue": ABOVE}, "bluer"),
        ({"blue": BELOW}, "less blue"),
        ({"red": ABOVE, "green": ABOVE, "blue": BELOW}, "redder, greener, less blue"),
        ({"red": BELOW, "green": ABOVE}, "less red, greener"),
        ({"length": BELOW}, "smaller"),
        ({"length": ABOVE}, "larger"),
        ({"sharpness": ABOVE}, "sharper"),
        ({"sharpness": BELOW}, "more blurred"),
        ({"blockiness": ABOVE}, "more compressed"),
        ({"noise": ABOVE}, "noisier"),
        (
            {name: BELOW if name == "length" else ABOVE for name in RANGE_NAMES},
            "brighter, smaller, sharper, more compressed, noisier",
        ),
    ],
)
def test_words_say_what_differs(medians, words):
    assert describe(**medians) == (
        f"These pictures differ from the training pictures: {words}. Labels are less reliable."
    )


def test_a_score_alone_says_that_the_pictures_are_unlike():
    assert describe(ood_score=ABOVE) == (
        "These pictures look unlike the training pictures. Labels are less reliable."
    )
    assert "more alike" in describe(ood_score=BELOW)


OPPOSITE = {
    "brighter": "darker",
    "redder": "less red",
    "greener": "less green",
    "bluer": "less blue",
    "larger": "smaller",
    "sharper": "more blurred",
    "more compressed": "less compressed",
    "noisier": "less noisy",
}
medians_of_looks = st.dictionaries(
    st.sampled_from([name for name in RANGE_NAMES if name != "ood_score"]),
    st.sampled_from([ABOVE, BELOW]),
    min_size=1,
)


def words_of(said: str) -> list[str]:
    (listed,) = re.findall(r": (.*)\. Labels are less reliable\.$", said)
    return listed.split(", ")


@given(medians_of_looks)
def test_the_other_direction_gives_the_opposite_words(medians):
    turned = {name: ABOVE if median == BELOW else BELOW for name, median in medians.items()}
    both_ways = OPPOSITE | {word: other for other, word in OPPOSITE.items()}
    words = words_of(describe(**medians))
    assert words_of(describe(**turned)) == [both_ways[word] for word in words]
    assert len(set(words)) == len(words) <= len(medians)


@given(medians_of_looks, st.randoms())
def test_the_order_of_the_quantities_does_not_matter(medians, shuffler):
    items = list(medians.items())
    shuffler.shuffle(items)
    assert describe(**dict(items)) == describe(**medians)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        "red",
        [1],
        [{"name": "red"}],
        [{"name": "taste", "median": 1.0, "low": 2.0, "high": 3.0}],
        [{"name": "red", "median": "1", "low": 2.0, "high": 3.0}],
        [{"name": "red", "median": float("nan"), "low": 2.0, "high": 3.0}],
        [{"name": "red", "median": 1.0, "low": 2.0, "high": 3.0, "more": 4}],
        [{"name": [], "median": 1.0, "low": 2.0, "high": 3.0}],
    ],
)
def test_what_is_no_list_of_shifts_is_not_known(value):
    assert read_shifts(value) is None


def test_a_window_forgets_all_but_the_last_capsules():
    meter = DriftMeter(STATISTICS, window=5)
    meter.add([Observation(Appearance(99, 15, 15, 15, 15, 15, 15), 15.0)] * 5)
    assert [shift.name for shift in meter.shifts()] == ["red"]
    meter.add([Observation(Appearance(16, 15, 15, 15, 15, 15, 15), 15.0)] * 5)
    assert meter.shifts() == ()
    assert meter.medians()["red"] == 16
