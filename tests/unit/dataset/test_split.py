from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.dataset.split import Place, share_out, split_pictures

shares = st.sampled_from([0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4])
labelled = st.dictionaries(
    st.text("0123456789abcdef", min_size=4, max_size=8),
    st.sampled_from(["good", "crack", "poke"]),
    min_size=1,
    max_size=60,
)


@pytest.mark.parametrize(
    ("count", "val", "test", "expected"),
    [
        (19, 0.15, 0.15, (13, 3, 3)),  # 13.3, 2.85, 2.85
        (206, 0.15, 0.15, (144, 31, 31)),  # 144.2, 30.9, 30.9
        (17, 0.15, 0.15, (12, 2, 3)),  # 11.9, 2.55, 2.55: one left, and test comes first
        (10, 0.25, 0.0, (7, 3, 0)),  # 7.5, 2.5: val comes before train
        (20, 0.15, 0.15, (14, 3, 3)),
        (5, 0.1, 0.3, (2, 1, 2)),  # 3, 0.5, 1.5: test gets the leftover, then val takes one
        (3, 0.15, 0.15, (1, 1, 1)),
        (3, 0.0, 0.15, (2, 0, 1)),
        (2, 0.15, 0.15, (2, 0, 0)),
        (0, 0.15, 0.15, (0, 0, 0)),
        (5, 0.0, 0.0, (5, 0, 0)),
    ],
)
def test_shares_are_met_as_exactly_as_whole_pictures_allow(
    count: int, val: float, test: float, expected: tuple[int, int, int]
) -> None:
    counts = share_out(count, val, test)
    assert (counts["train"], counts["val"], counts["test"]) == expected


@given(st.integers(3, 2000), shares, shares)
def test_every_split_with_a_share_gets_a_picture_and_its_share_within_one(
    count: int, val: float, test: float
) -> None:
    counts = share_out(count, val, test)
    wanted = {"train": 1 - val - test, "val": val, "test": test}
    assert sum(counts.values()) == count
    for name, share in wanted.items():
        assert (counts[name] > 0) == (share > 0)
        if count * min(share for share in wanted.values() if share) >= 1:
            assert abs(counts[name] - count * share) < 1


def test_the_order_is_that_of_the_hashes_of_key_and_seed() -> None:
    # `printf a3:0 | sha256sum` begins 35f9, a2:0 c5a0, a1:0 c9f3, a0:0 cbe9.
    places = split_pictures(dict.fromkeys(["a0", "a1", "a2", "a3"], "good"), 0, 0.25, 0.25, 2)
    assert places == {
        "a3": Place("test", 0),
        "a2": Place("val", 1),
        "a1": Place("train", 0),
        "a0": Place("train", 1),
    }


@given(labelled, st.integers(0, 9), st.randoms(use_true_random=False), st.integers(2, 5))
def test_the_order_of_listing_does_not_matter(labels, seed, random, folds) -> None:
    shuffled = list(labels.items())
    random.shuffle(shuffled)
    first = split_pictures(labels, seed, 0.15, 0.15, folds)
    assert split_pictures(dict(shuffled), seed, 0.15, 0.15, folds) == first
    assert first.keys() == labels.keys()


@given(labelled, shares, shares)
def test_each_class_is_split_by_its_own_shares(labels, val, test) -> None:
    places = split_pictures(labels, 3, val, test)
    for label, count in Counter(labels.values()).items():
        splits = Counter(places[key].split for key in labels if labels[key] == label)
        expected = {name: number for name, number in share_out(count, val, test).items() if number}
        assert dict(splits) == expected


@given(labelled, st.integers(2, 6))
def test_folds_differ_by_one_picture_at_most(labels, folds) -> None:
    places = split_pictures(labels, 0, 0.15, 0.15, folds)
    for chosen in ["good", "crack", "poke"], ["good"], ["crack"], ["poke"]:
        keys = [key for key, label in labels.items() if label in chosen]
        sizes = Counter(dict.fromkeys(range(folds), 0))
        sizes.update(fold for key in keys if (fold := places[key].fold) is not None)
        assert sum(sizes.values()) == len(keys)
        assert max(sizes.values()) - min(sizes.values()) <= 1


def test_another_seed_gives_another_split() -> None:
    labels = {f"{i:04x}": "good" for i in range(40)}
    assert split_pictures(labels, 0, 0.15, 0.15) != split_pictures(labels, 1, 0.15, 0.15)


def test_the_share_of_val_leaves_the_test_pictures_as_they_were() -> None:
    labels = {f"{i:04x}": "good" for i in range(40)}
    tests = [
        {key for key, place in split_pictures(labels, 0, val, 0.2).items() if place.split == "test"}
        for val in (0.1, 0.3)
    ]
    assert tests[0] == tests[1]
    assert len(tests[0]) == 8


def test_without_folds_there_is_no_fold() -> None:
    assert split_pictures({"a": "good"}, 0, 0.15, 0.15) == {"a": Place("train", None)}
