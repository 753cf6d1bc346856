import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capsule_inspect.choices import NO_CAPSULE
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import DataError
from capsule_inspect.evaluation.cross_validation import (
    OUT_OF_FOLD,
    CrossValidation,
    Fitted,
    OutOfFold,
    cross_validate,
    pool,
    pool_predictions,
    read_out_of_fold,
    write_out_of_fold,
)
from capsule_inspect.evaluation.evaluate import summarize
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.pixels import Overlap
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs

CLASSES = ("good", "crack", "poke")
TRUTH = ["good"] * 4 + ["crack"] * 2 + ["poke"] * 2


def judgements(labels: list[str], scores: list[float]) -> tuple[Judgement, ...]:
    return tuple(
        Judgement(f"{i}.png", f"{i:064x}", truth, label, score, (1 - score, score, 0.0), None)
        for i, (truth, label, score) in enumerate(zip(TRUTH, labels, scores, strict=True))
    )


ONE = summarize(OUT_OF_FOLD, CLASSES, judgements(TRUTH, [0.1] * 4 + [0.9] * 4))
OTHER = summarize(
    OUT_OF_FOLD,
    CLASSES,
    judgements(["good"] * 3 + ["crack"] * 3 + ["good", "poke"], [0.1] * 3 + [0.9] * 3 + [0.1, 0.9]),
)


def test_metrics_and_the_ends_of_their_intervals_are_means_and_n_is_pictures():
    pooled = {metric.name: metric for metric in pool([ONE, OTHER]).metrics}
    assert pooled["accuracy"].value == pytest.approx((1 + 6 / 8) / 2)
    assert pooled["accuracy"].n == 8
    for end in ("low", "high"):
        ends = [
            getattr(next(m for m in e.metrics if m.name == "accuracy"), end) for e in (ONE, OTHER)
        ]
        assert getattr(pooled["accuracy"], end) == pytest.approx(statistics.fmean(ends))
    assert pooled["miss_rate"].value == pytest.approx((0 + 1 / 4) / 2)


def test_confusions_are_added_up_and_classes_averaged():
    pooled = pool([ONE, OTHER])
    assert sum(map(sum, pooled.confusion.counts)) == 16
    assert pooled.confusion.counts[0][:2] == (7, 1)
    assert len(pooled.judgements) == 16
    crack, poke = pooled.per_class[1:]
    assert {m.name: m.value for m in crack.metrics}["recall"] == 1
    assert {m.name: m.value for m in poke.metrics}["recall"] == pytest.approx(0.75)
    assert (crack.n, poke.n) == (2, 2)


def test_of_several_seeds_what_is_shown_of_pictures_is_of_the_first():
    pooled = pool([ONE, OTHER])
    measured = CrossValidation(pooled, (), {2: ONE, 5: OTHER})
    assert measured.first_seed == 2
    assert measured.shown.judgements == ONE.judgements
    assert measured.shown.confusion == ONE.confusion
    assert measured.shown.metrics == pooled.metrics
    assert measured.shown.per_class == pooled.per_class
    assert (pooled.seeds, measured.shown.seeds) == (2, 1)


def test_one_evaluation_is_pooled_to_itself():
    assert pool([ONE]) == ONE


def dataset(folder: Path, fold: int) -> DataSet:
    samples = tuple(
        Sample(f"{i}.png", label, "", "test" if i % 2 == fold else "train", i % 2, f"{i}", 8, 8)
        for i, label in enumerate(TRUTH)
    )
    return DataSet(folder, CLASSES, samples, 0, "", "", "")


def fitted(folder: Path, fold: int, seed: int, wrong: tuple[int, ...] = ()) -> Fitted:
    """A network that reads the class off the picture, but for those of some brightness."""

    def run(image: np.ndarray) -> Outputs:
        number = int(image[0, 0, 0]) // 20
        label = CLASSES.index(TRUTH[number])
        if number in wrong:
            label = (label + 1) % 3
        return Outputs(np.eye(3, dtype=np.float32)[label] * 9, None)

    data = dataset(folder, fold)
    inspector = Inspector(run, CLASSES, Roi("whole", 8, 8, 8), OperatingPoint())
    return Fitted(f"{seed}-{fold}", fold, seed, data, inspector, data.training_sha256, "ab" * 32)


@pytest.fixture
def pictures(tmp_path, save_picture) -> Path:
    for i in range(len(TRUTH)):
        save_picture(tmp_path / f"{i}.png", np.full((8, 8, 3), 20 * i, np.uint8))
    return tmp_path


def test_every_picture_is_judged_once_for_each_seed_by_the_network_that_has_not_seen_it(pictures):
    members = [fitted(pictures, fold, seed, (seed,)) for seed in (0, 3) for fold in (0, 1)]
    measured = cross_validate(members)
    judged = [(each.judgement.path, each.fold, each.seed) for each in measured.predictions]
    assert sorted(judged) == sorted((f"{i}.png", i % 2, seed) for i in range(8) for seed in (0, 3))
    wrong = {
        seed: [each.path for each in evaluation.judgements if each.label != each.truth]
        for seed, evaluation in measured.by_seed.items()
    }
    assert wrong == {0: ["0.png"], 3: ["3.png"]}
    paths = [judgement.path for judgement in measured.by_seed[3].judgements]
    assert paths == [f"{i}.png" for i in range(8)]
    assert measured.spread["accuracy"] == 0
    assert cross_validate(members[:2]).spread == {}


def lonely(folds: dict[str, list[int]], seed: int = 0) -> list[OutOfFold]:
    """A prediction for each fold of each class, all of them right."""
    return [
        OutOfFold(
            Judgement(f"{name}{place}", "", name, name, 0.5, (0.5, 0.5, 0.0), None),
            fold,
            seed,
            *(1.0, 0.5, 0.5, ""),
        )
        for name, own in folds.items()
        for place, fold in enumerate(own)
    ]


def test_a_class_that_no_network_could_learn_has_no_recall_and_is_told_of():
    predictions = lonely({"good": [0, 1, 1], "crack": [0, 1], "poke": [1, 1]})
    measured = pool_predictions(predictions, CLASSES)
    names = {each.name: [m.name for m in each.metrics] for each in measured.pooled.per_class}
    assert names["crack"] == ["recall", "precision", "presence"]
    assert names["poke"] == ["precision", "presence"]
    assert measured.caution.startswith("All pictures of poke are in one fold, so the network")
    both = pool_predictions([*predictions, *lonely({"good": [0, 1], "poke": [0, 1]}, 1)], CLASSES)
    assert "recall" in {m.name for m in both.by_seed[1].per_class[2].metrics}


@pytest.mark.parametrize("folds", [{"good": [0, 0], "poke": [0]}, {"good": [0, 1], "poke": [1, 0]}])
def test_with_one_fold_or_classes_in_all_there_is_nothing_to_tell(folds):
    measured = pool_predictions(lonely(folds), CLASSES)
    assert measured.caution == ""
    assert all(
        m.name != "recall" or m.value == 1 for c in measured.pooled.per_class for m in c.metrics
    )


def test_a_network_that_was_trained_on_other_pictures_is_refused(pictures):
    one = fitted(pictures, 0, 0)
    swapped = Fitted(
        "fold-0", 0, 0, dataset(pictures, 1), one.inspector, one.training_data_sha256, "ab" * 32
    )
    with pytest.raises(DataError, match=r"fold-0 .*other pictures"):
        cross_validate([swapped])


STORED_CLASSES = ("good", "crack", 'a, "b"')
units = st.floats(0, 1)
counts = st.integers(0, 10**6)
texts = st.text(st.characters(exclude_categories=("C",)), min_size=1)
stored_judgements = st.builds(
    Judgement,
    path=texts,
    sha256=texts,
    truth=st.sampled_from(STORED_CLASSES),
    label=st.sampled_from((*STORED_CLASSES, NO_CAPSULE)),
    defect_score=units,
    probabilities=st.one_of(st.just(()), st.tuples(units, units, units)),
    overlap=st.none()
    | st.tuples(counts, counts, counts).map(lambda n: Overlap(n[0], n[0] + n[1], n[0] + n[2])),
)
predictions = st.builds(
    OutOfFold, stored_judgements, counts, counts, st.floats(0.1, 9), units, units, texts
)


@given(
    st.lists(
        predictions,
        min_size=1,
        max_size=4,
        unique_by=lambda each: (each.seed, each.judgement.path),
    ).map(tuple)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back(tmp_path, written):
    path = tmp_path / "out_of_fold.csv"
    write_out_of_fold(path, written, STORED_CLASSES)
    assert read_out_of_fold(path) == (written, STORED_CLASSES)


def damaged(path: Path, old: str, new: str) -> str:
    overlap = Overlap(3, 4, 5)
    judgement = Judgement("a.png", "aa", "crack", "crack", 0.5, (0.5, 0.25, 0.25), overlap)
    write_out_of_fold(path, [OutOfFold(judgement, 0, 1, 1.0, 0.5, 0.5, "bb")], STORED_CLASSES)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DataError) as caught:
        read_out_of_fold(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [("common_area_px", "area"), ("fold", "folder"), ("a.png,aa,crack", "a.png"), ("0.5", "half")],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, old, new):
    message = damaged(tmp_path / "out_of_fold.csv", old, new)
    assert "out_of_fold.csv' is damaged" in message
    assert "capsule-inspect evaluate" in message


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("aa,crack,crack", "aa,carck,crack", "the truth 'carck' is no class"),
        ("aa,crack,crack", "aa,crack,carck", "the label 'carck' is no class"),
        (",crack,0.5,", ",crack,1.7,", "1.7 is not between 0 and 1"),
        (",0.25,0.25,", ",0.25,nan,", "nan is not between 0 and 1"),
        (",5,4,3,", ",5,4,5,", "masks of 5 and 4 pixels cannot have 5 in common"),
        (",5,4,3,", ",-5,4,3,", "masks of -5 and 4 pixels cannot have 3 in common"),
        (",1.0,0.5,0.5,", ",0.0,0.5,0.5,", "the temperature 0.0 is not above 0"),
        (",1.0,0.5,0.5,", ",1.0,1.5,0.5,", "1.5 is not between 0 and 1"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line(tmp_path, old, new, reason):
    message = damaged(tmp_path / "out_of_fold.csv", old, new)
    assert f"out_of_fold.csv' is damaged at line 2 ({reason})" in message


def test_a_picture_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "out_of_fold.csv"
    row = OutOfFold(ONE.judgements[0], 0, 1, 1.0, 0.5, 0.5, "bb")
    write_out_of_fold(path, [row, replace(row, seed=2)], CLASSES)
    assert len(read_out_of_fold(path)[0]) == 2
    write_out_of_fold(path, [row, replace(row, seed=2), row], CLASSES)
    with pytest.raises(
        DataError, match=r"line 4 \(the picture '0.png' is there twice for the seed 1"
    ):
        read_out_of_fold(path)


def test_a_missing_file_and_one_without_rows_are_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_out_of_fold(tmp_path / "none.csv")
    path = tmp_path / "empty.csv"
    write_out_of_fold(path, [], STORED_CLASSES)
    with pytest.raises(DataError, match="holds no predictions"):
        read_out_of_fold(path)
