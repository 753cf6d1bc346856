from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.folds import leave_out
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.dataset.split import split_pictures
from capsule_inspect.errors import DataError

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
