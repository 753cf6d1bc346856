"""One number for how good a network is on the validation split."""

from collections.abc import Mapping


def score(metrics: Mapping[str, float]) -> float:
    """Returns the mean of accuracy and Dice; accuracy alone where there are no true masks.

    Args:
        metrics: Values by metric name, `accuracy` among them.
    """
    accuracy = metrics["accuracy"]
    return (accuracy + metrics["dice"]) / 2 if "dice" in metrics else accuracy
