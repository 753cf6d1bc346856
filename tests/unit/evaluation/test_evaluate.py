import numpy as np
import pytest

from capsule_inspect.dataset.manifest import read_dataset
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.evaluation.evaluate import choose_samples, evaluate
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.modelfile.outputs import Outputs


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
    assert "dice" not in values
    assert [each.path for each in evaluation.judgements] == [s.path for s in data.samples]


def test_splits_are_chosen_by_name(data):
    parts = [choose_samples(data, split) for split in ("train", "val", "test")]
    assert sum(len(part) for part in parts) == len(choose_samples(data, "all"))
    with pytest.raises(UsageError, match="no split 'tset'"):
        choose_samples(data, "tset")


def test_a_model_of_other_classes_is_refused(data):
    with pytest.raises(DataError, match=r"does not know the classes .*squeeze"):
        evaluate(data, "test", always_good(("good", "crack")))
