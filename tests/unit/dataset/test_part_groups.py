from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.part_groups import (
    group_of_path,
    group_pictures,
    parts_of,
    require_several_parts,
)
from capsule_inspect.dataset.split import split_pictures
from capsule_inspect.errors import DataError
from capsule_inspect.settings.groups import DataSettings

PICTURES = st.lists(
    st.tuples(st.sampled_from(["good", "crack"]), st.integers(0, 12)), min_size=1, max_size=60
)


def samples_of(pictures: list[tuple[str, int]]) -> list[Sample]:
    return [
        Sample(f"{n}.png", label, "", "", None, f"{n:04x}", 9, 9, "", f"part {part}")
        for n, (label, part) in enumerate(pictures)
    ]


@pytest.mark.parametrize(
    ("pattern", "group"),
    [
        ("", ""),
        (r"part(\d+)_", "17"),
        (r"part\d+", "part17"),
        ("(side)?part", ""),
        ("^line", "line"),
        ("nothing", ""),
    ],
)
def test_the_part_is_the_first_group_or_the_match(pattern, group):
    assert group_of_path("line 3/good/part17_front.png", pattern) == group


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        (DataSettings(group="num"), r"one part, 'num', in all 2 pictures.*in \( \), such as"),
        (DataSettings(group=r"num(\d+)", group_gap=9), r"one part, '1'.*A smaller data.group_gap"),
    ],
)
def test_a_pattern_that_joins_all_pictures_is_refused(settings, advice):
    paths = ["good/num1.png", "good/num5.png"]
    groups = group_pictures(paths, settings.group, settings.group_gap)
    with pytest.raises(DataError, match=advice):
        require_several_parts(groups, settings)


def test_one_picture_and_no_pattern_may_have_one_part():
    require_several_parts({"a.png": "a"}, DataSettings(group="a"))
    require_several_parts({"a.png": "", "b.png": ""}, DataSettings())


@given(st.lists(st.integers(0, 500), max_size=30), st.integers(1, 60))
def test_numbers_are_of_one_part_where_a_chain_of_small_steps_joins_them(numbers, gap):
    groups = group_pictures([f"exp1_num_{n}.jpg" for n in numbers], r"num_(\d+)", gap)
    for one in set(numbers):
        for other in (n for n in set(numbers) if n > one):
            between = sorted(n for n in set(numbers) if one <= n <= other)
            chained = all(b - a <= gap for a, b in pairwise(between))
            same = groups[f"exp1_num_{one}.jpg"] == groups[f"exp1_num_{other}.jpg"]
            assert same == chained


def test_a_gap_needs_numbers_and_leaves_other_pictures_alone():
    assert group_pictures(["a.png", "b_7.png"], r"_(\d+)", 5) == {"a.png": "", "b_7.png": "7"}
    with pytest.raises(DataError, match=r"finds 'seven' in 'b_seven\.png'"):
        group_pictures(["b_seven.png"], r"_(\w+)", 5)
    with pytest.raises(ValueError, match=r"data\.group_gap needs data\.group"):
        DataSettings(group_gap=5)


def test_a_pattern_that_finds_nothing_is_refused():
    with pytest.raises(DataError, match=r"data\.group=part\(\\d\) finds no part in .* 2 paths"):
        group_pictures(["good/a.png", "crack/b.png"], r"part(\d)", 0)


def test_copies_join_parts_and_a_picture_without_a_group_is_a_part_of_its_own():
    listed = [("a", "x"), ("b", "x"), ("b", "y"), ("c", "y"), ("d", "z"), ("e", ""), ("f", "")]
    parts = parts_of(
        Sample(f"{n}", "good", "", "", None, sha256, 9, 9, "", group)
        for n, (sha256, group) in enumerate(listed)
    )
    assert parts["a"] == parts["b"] == parts["c"]
    assert len({parts[key] for key in "adef"}) == 4


def test_without_any_group_there_are_no_parts():
    assert parts_of([Sample("a", "good", "", "", None, "a", 9, 9)]) == {}


@given(PICTURES, st.integers(0, 9), st.integers(2, 5))
def test_a_part_is_in_one_split_and_one_fold(pictures, seed, folds):
    samples = samples_of(pictures)
    labels = {sample.sha256: sample.label for sample in samples}
    places = split_pictures(labels, seed, 0.15, 0.15, folds, parts_of(samples))
    assert places.keys() == labels.keys()
    of_part = {(sample.group, places[sample.sha256]) for sample in samples}
    assert len(of_part) == len({sample.group for sample in samples})


def test_each_class_keeps_its_shares_as_far_as_parts_allow():
    pictures = [("good" if part % 3 else "crack", part) for part in range(120) for _ in range(4)]
    samples = samples_of(pictures)
    labels = {sample.sha256: sample.label for sample in samples}
    places = split_pictures(labels, 0, 0.15, 0.25, 5, parts_of(samples))
    for label, total in Counter(labels.values()).items():
        own = [places[key] for key in labels if labels[key] == label]
        assert Counter(place.split for place in own)["test"] == pytest.approx(total / 4, abs=4)
        assert Counter(place.split for place in own)["val"] == pytest.approx(0.15 * total, abs=4)
        assert set(Counter(place.fold for place in own).values()) == {total // 5}
    other = split_pictures(labels, 1, 0.15, 0.25, 5, parts_of(samples))
    assert other != places
