import pytest

from capsule_inspect.runs.run import score


def test_the_score_is_the_mean_of_accuracy_and_dice():
    assert score({"accuracy": 0.9, "dice": 0.5, "iou": 0.1}) == pytest.approx(0.7)


def test_without_dice_it_is_accuracy():
    assert score({"accuracy": 0.9, "auroc": 0.1}) == 0.9
