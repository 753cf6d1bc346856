from dataclasses import replace

import numpy as np
import pytest

from capsule_inspect.choices import NO_CAPSULE
from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.evaluation.evaluate import choose_examples, choose_samples, evaluate
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.metrics import METRICS
from capsule_inspect.evaluation.pixels import Overlap
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs


@pytest.fixture(scope="module")
def data(dataset_folder):
    return read_dataset(dataset_folder)


def always_good(classes):
    def run(window):
        del window
        return Outputs(np.eye(len(classes), dtype=np.float32)[0] * 5, None)

    return Inspector(run, classes, Roi("capsule", 96, 64, 86), OperatingPoint())


def test_a_network_that_always_says_good_is_right_as_often_as_there_is_good(data):
    evaluation = evaluate(data, "all", always_good(data.classes))
    values = {metric.name: metric.value for metric in evaluation.metrics}
    good = sum(sample.label == "good" for sample in data.samples)
    assert values["accuracy"] == pytest.approx(good / len(data.samples))
    assert values["defect_only_accuracy"] == 0
    assert values["miss_rate"] == 1
    assert values["false_alarm_rate"] == 0
    assert values["auroc"] == 0.5
    # Without a mask head there is nothing to overlap.
    assert not {"dice", "dice_all", "pixel_auroc"} & set(values)
    assert [each.path for each in evaluation.judgements] == [s.path for s in data.samples]


def sees_half(classes):
    """A network that takes the left half of every window for cracked."""

    def run(window):
        del window
        masks = np.zeros((16, 24, len(classes)), np.float32)
        masks[:, :12, 1] = 6
        return Outputs(np.eye(len(classes), dtype=np.float32)[1] * 5, masks)

    return Inspector(run, classes, Roi("capsule", 96, 64, 86), OperatingPoint())


def test_pixels_and_classes_are_measured_too(data):
    evaluation = evaluate(data, "all", sees_half(data.classes))
    assert [metric.name for metric in evaluation.metrics] == list(METRICS)
    values = {metric.name: metric.value for metric in evaluation.metrics}
    # Where a defect lies is even about the capsule's length, and most of a picture is ground.
    assert 0.3 < values["pixel_auroc"] < 0.8
    sizes = {each.name: each.n for each in evaluation.per_class}
    assert tuple(sizes) == data.classes
    assert sum(sizes.values()) == len(data.samples)
    crack = data.classes.index("crack")
    assert [row[crack] for row in evaluation.confusion.counts] == list(sizes.values())


def test_splits_are_chosen_by_name(data):
    parts = {split: choose_samples(data, split) for split in ("train", "val", "test")}
    assert all({each.split for each in part} == {split} for split, part in parts.items())
    assert sum(map(len, parts.values())) == len(data.samples)
    assert choose_samples(data, "all") == data.samples
    with pytest.raises(UsageError, match="no split 'tset'"):
        choose_samples(data, "tset")
    with pytest.raises(DataError, match=r"split 'val' .*is empty"):
        choose_samples(replace(data, samples=parts["test"]), "val")


def test_a_model_of_other_classes_is_refused(data):
    with pytest.raises(DataError, match=r"does not know the classes .*squeeze"):
        evaluate(data, "test", always_good(("good", "crack")))


def judged(path: str, truth: str, label: str, score: float, both: int | None = None) -> Judgement:
    overlap = None if both is None else Overlap(both, 100, 100)
    return Judgement(path, "aa", truth, label, score, (1 - score, score), overlap)


def paths(judgements) -> list[str]:
    return [each.path for each in judgements]


def test_each_kind_begins_with_what_says_most():
    examples = choose_examples(
        [
            judged("a", "good", "good", 0.1),
            judged("b", "good", "crack", 0.6),
            judged("c", "good", NO_CAPSULE, 1.0),
            judged("d", "crack", "good", 0.3, 0),
            judged("e", "crack", "good", 0.2, 0),
            judged("f", "crack", "poke", 0.8, 40),
            judged("g", "crack", "poke", 0.9, 60),
            judged("h", "poke", "poke", 0.9, 20),
            judged("i", "poke", "poke", 0.9, 90),
            judged("j", "poke", "poke", 0.9),
        ]
    )
    assert paths(examples.misses) == ["e", "d"]
    assert paths(examples.false_alarms) == ["c", "b"]
    assert paths(examples.confused) == ["g", "f"]
    assert paths(examples.poor_masks) == ["h", "f", "g", "i"]
    assert paths(examples.best) == ["i", "h"]


def test_no_more_than_a_dozen_of_each():
    misses = [judged(str(place), "crack", "good", place / 100) for place in range(30)]
    assert paths(choose_examples(misses).misses) == [str(place) for place in range(12)]


def test_how_sure_a_name_is_leaves_good_aside():
    sure = Judgement("sure", "aa", "crack", "poke", 0.8, (0.2, 0.1, 0.7), None)
    unsure = Judgement("unsure", "aa", "crack", "poke", 0.3, (0.7, 0.1, 0.2), None)
    assert paths(choose_examples([unsure, sure]).confused) == ["sure", "unsure"]


def test_without_masks_the_surest_are_best():
    judgements = [judged("a", "crack", "crack", 0.7), judged("b", "crack", "crack", 0.9)]
    assert paths(choose_examples(judgements).best) == ["b", "a"]
