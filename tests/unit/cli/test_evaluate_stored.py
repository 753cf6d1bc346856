from dataclasses import replace

import pytest

pytest.importorskip("sklearn", reason="evaluate needs the train extra")

from capsule_inspect.cli.evaluate_stored import evaluate_stored, find_stored
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.out_of_fold import OutOfFold, write_out_of_fold

CLASSES = ("good", "crack")
RIGHT = Judgement("a.png", "aa", "crack", "crack", 0.9, (0.1, 0.9), None)
GOOD = Judgement("b.png", "bb", "good", "good", 0.2, (0.8, 0.2), None)


@pytest.fixture
def stored(tmp_path):
    """Two pictures, of which the second seed takes the crack for a good one."""
    missed = replace(RIGHT, label="good", defect_score=0.3, probabilities=(0.7, 0.3))
    rows = [
        OutOfFold(judgement, 0, seed, 1.0, 0.5, 0.5, "cc")
        for seed, judgements in enumerate([(RIGHT, GOOD), (missed, GOOD)])
        for judgement in judgements
    ]
    write_out_of_fold(tmp_path / "out_of_fold.csv", rows, CLASSES)
    return tmp_path / "out_of_fold.csv"


def test_stored_predictions_are_found_by_their_folder_and_by_name(stored):
    assert find_stored(stored) == find_stored(stored.parent) == stored
    assert find_stored(stored.with_name("model.tflite")) is None
    assert find_stored(stored.parent / "none") is None


def test_metrics_are_means_over_seeds_and_the_confusion_matrix_is_summed(stored, capfd):
    metrics = {metric.name: metric for metric in evaluate_stored(stored)}
    assert (metrics["accuracy"].value, metrics["accuracy"].n) == (0.75, 2)
    assert metrics["miss_rate"].value == 0.5
    out = " ".join(capfd.readouterr().out.split())
    assert "Measured on 2 pictures, as" in out
    assert "sd over seeds" in out
    assert "decided class (columns), summed over 2 seeds" in out
    assert "good 2 · · crack 1 1 ·" in out
