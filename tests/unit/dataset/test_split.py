from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.split import Place, leave_out, share_out, split_pictures
from capsule_inspect.errors import DataError

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


LABELS = ["good"] * 20 + ["crack"] * 10 + ["poke"] * 6


def sample(number: int, label: str, fold: int | None = None, content: int | None = None) -> Sample:
    sha256 = f"{number if content is None else content:064x}"
    return Sample(f"{number:03}.png", label, "", "train", fold, sha256, 10, 10)


def dataset(samples: list[Sample], seed: int = 0) -> DataSet:
    return DataSet(Path("/x"), ("good", "crack", "poke"), tuple(samples), seed, "", "", "")


DATA = dataset([sample(i, label) for i, label in enumerate(LABELS)])


@given(seed=st.integers(0, 50), folds=st.integers(2, 6))
def test_every_picture_is_left_out_once_and_then_is_in_no_other_split(seed, folds):
    data = replace(DATA, seed=seed)
    left_out = []
    for fold in range(folds):
        view = leave_out(data, fold, folds, val=0.2)
        assert [s.path for s in view.samples] == [s.path for s in data.samples]
        assert all((s.split == "test") == (s.fold == fold) for s in view.samples)
        left_out += [s.path for s in view.samples if s.split == "test"]
        for label in ("good", "crack", "poke"):
            assert any(s.split == "val" and s.label == label for s in view.samples)
    assert sorted(left_out) == sorted(s.path for s in data.samples)


def test_folds_dealt_here_are_those_that_prepare_deals():
    labels = {s.sha256: s.label for s in DATA.samples}
    dealt = split_pictures(labels, seed=0, val=0.15, test=0.15, folds=5)
    with_folds = dataset([replace(s, fold=dealt[s.sha256].fold) for s in DATA.samples])
    for fold in range(5):
        assert leave_out(DATA, fold, 5, 0.15) == leave_out(with_folds, fold, 5, 0.15)


def test_copies_of_a_picture_share_their_split():
    copies = [sample(100 + i, label, content=i) for i, label in enumerate(LABELS)]
    both = dataset([*DATA.samples, *copies])
    for fold in range(4):
        splits = {s.path: s.split for s in leave_out(both, fold, 4, 0.2).samples}
        assert all(splits[f"{i:03}.png"] == splits[f"{100 + i:03}.png"] for i in range(36))


def test_another_number_of_folds_than_the_manifests_is_refused():
    data = dataset([replace(s, fold=i % 3) for i, s in enumerate(DATA.samples)])
    with pytest.raises(DataError, match=r"data\.folds=5.*train\.folds=3"):
        leave_out(data, 0, 5, 0.2)


def test_a_manifest_that_gives_folds_to_some_pictures_alone_is_refused():
    dealt = [replace(s, fold=i % 3 if i > 1 else None) for i, s in enumerate(DATA.samples)]
    with pytest.raises(DataError, match=r"gives 2 pictures no fold.*data\.folds=3"):
        leave_out(dataset(dealt), 0, 3, 0.2)
    copy = replace(DATA.samples[0], path="copy.png", fold=1)
    two = [*dealt[:1], copy, *(replace(s, fold=i % 3) for i, s in enumerate(DATA.samples[1:]))]
    assert {s.split for s in leave_out(dataset(two), 1, 3, 0.2).samples[:2]} == {"test"}


def test_a_fold_without_pictures_is_refused():
    few = dataset([sample(0, "good"), sample(1, "crack")])
    with pytest.raises(DataError, match="fewer folds"):
        leave_out(few, 4, 5, 0.2)
