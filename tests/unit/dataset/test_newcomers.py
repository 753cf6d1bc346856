import re
from collections import Counter
from hashlib import sha256

import pytest

from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.newcomers import place_newcomers
from capsule_inspect.errors import DataError
from capsule_inspect.settings.groups import DataSettings


def sample(path, label="good", split="train", fold=None, group=""):
    return Sample(path, label, "", split, fold, sha256(path.encode()).hexdigest(), 9, 9, "", group)


def new(*paths, label="good"):
    return {path: sample(path, label, split="") for path in paths}


# 14 train, 3 val, 3 test.
SPLITS = ["train"] * 14 + ["val"] * 3 + ["test"] * 3
TWENTY = [sample(f"{n}.png", split=split, fold=n % 5) for n, split in enumerate(SPLITS)]


def place(samples, newcomers, seed=0, **settings):
    placed, problems = place_newcomers(samples, newcomers, DataSettings(**settings), seed)
    return placed, problems


def test_each_split_grows_by_its_share():
    placed, problems = place(TWENTY, new(*(f"n{n}.png" for n in range(100))))
    assert problems == ()
    assert Counter(each.split for each in placed) == {"train": 70, "val": 15, "test": 15}
    assert Counter(each.fold for each in placed) == dict.fromkeys(range(5), 20)


def test_the_same_pictures_and_seed_give_the_same_places_whatever_their_order():
    names = [f"n{n}.png" for n in range(20)]
    one = {each.path: each.split for each in place(TWENTY, new(*names))[0]}
    other = {each.path: each.split for each in place(TWENTY, new(*reversed(names)))[0]}
    third = {each.path: each.split for each in place(TWENTY, new(*names), seed=1)[0]}
    assert one == other
    assert one != third
    assert Counter(one.values()) == Counter(third.values())


def test_a_split_without_pictures_gets_none():
    only = [sample(f"{n}.png", split="train") for n in range(5)]
    placed, _ = place(only, new("a.png", "b.png", "c.png"))
    assert {(each.split, each.fold) for each in placed} == {("train", None)}


def test_a_class_of_fewer_than_three_goes_to_train():
    placed, _ = place(TWENTY, new("a.png", "b.png", label="dent"))
    assert [each.split for each in placed] == ["train", "train"]
    three, _ = place(TWENTY, new("a.png", "b.png", "c.png", label="dent"))
    assert Counter(each.split for each in three)["train"] == 2


PARTS = [
    sample("part1_a.png", split="test", group="1"),
    sample("part2_a.png", split="train", group="2"),
    sample("part3_a.png", split="train", group="3"),
    sample("part3_b.png", split="train", group="3"),
    sample("part4_a.png", split="val", group="4"),
]
PATTERN = {"group": r"part(\d+)"}


def test_a_picture_joins_its_part():
    placed, _ = place(PARTS, new("line/part1_x.png", "line/part4_x.png", "plain.png"), **PATTERN)
    places = {each.path: (each.split, each.group) for each in placed}
    assert places["line/part1_x.png"] == ("test", "1")
    assert places["line/part4_x.png"] == ("val", "4")
    assert places["plain.png"][1] == ""


def test_new_pictures_of_a_new_part_stay_together():
    placed, _ = place(PARTS, new(*(f"part9_{n}.png" for n in range(6))), **PATTERN)
    assert len({(each.split, each.group) for each in placed}) == 1


def test_numbers_that_are_near_are_of_one_part():
    frames = [sample("f10.png", split="test", group="10"), sample("f90.png", group="90")]
    rule = {"group": r"f(\d+)", "group_gap": 5}
    placed, problems = place(frames, new("f14.png", "f18.png", "f88.png"), **rule)
    assert problems == ()
    assert {each.path: each.split for each in placed} == {
        "f14.png": "test",
        "f18.png": "test",
        "f88.png": "train",
    }
    bridge = [sample("f10.png", split="test", group="10"), sample("f14.png", group="14")]
    placed, problems = place(bridge, new("f12.png"), **rule)
    assert placed == ()
    assert problems[0].fatal
    assert "pictures are in several splits" in problems[0].message


def test_without_the_pattern_parts_are_not_guessed():
    with pytest.raises(DataError, match=re.escape("Give the setting data.group again")):
        place(PARTS, new("a.png"))
    assert place(PARTS, {}) == ((), ())
