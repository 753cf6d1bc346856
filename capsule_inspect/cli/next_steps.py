"""The commands that lead from a data set folder to inspected pictures, in order."""

from pathlib import Path

from capsule_inspect.text import command_line


def train_next(data: Path, *overrides: str) -> str:
    """Returns the command that trains a network.

    Args:
        data: A data set folder.
        *overrides: Settings to change.
    """
    return command_line("train", "--data", data, *overrides)


def evaluate_next(model: Path, data: Path | None) -> str:
    """Returns the command that measures a model.

    Args:
        model: A model, or the folder of a run or study.
        data: The data set folder.
    """
    return command_line("evaluate", model, "--data", data)


def export_next(model: Path, data: Path | None) -> str:
    """Returns the command that makes a model file.

    Args:
        model: A network, or the folder of a run or study.
        data: The data set folder.
    """
    return command_line("export-tflite", model, "--data", data)


def predict_next(model: Path) -> str:
    """Returns the command that inspects pictures with a model file."""
    return command_line("predict", "PICTURES", "--model", model, "-o", "out")
