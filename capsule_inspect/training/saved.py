"""Trained networks on disk: save and load them with their operating point."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras

from capsule_inspect.errors import ModelFileError
from capsule_inspect.files import atomic_write
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.model import losses, optimizer  # noqa: F401  (registers what files hold)
from capsule_inspect.model.runner import KerasRunner
from capsule_inspect.runs.history import read_scores
from capsule_inspect.runs.run import score
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.decision import DecisionRule, read_decision, resolve_model


def save_network(network: keras.Model, path: Path, compiled: bool) -> None:
    """Saves a network; a reader never sees half a file.

    Args:
        network: The network.
        path: The `.keras` file.
        compiled: Whether to save optimizer and losses too, to go on training; the optimizer makes
            three quarters of a file.
    """
    if not compiled:
        network = keras.Model(network.inputs, network.output, name=network.name)
    with atomic_write(path) as unfinished:
        network.save(unfinished)


def load_network(path: Path, compiled: bool) -> keras.Model:
    """Loads a `.keras` file that holds no code.

    Args:
        path: The file.
        compiled: Whether to restore optimizer and losses, to go on training.

    Raises:
        ModelFileError: It is damaged or not a network of this version.
    """
    try:
        return keras.saving.load_model(path, compile=compiled, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(f"'{path}' cannot be loaded as a Keras model: {reason}") from error


@dataclass(frozen=True)
class TrainedModel:
    """A Keras network and the rule that turns its outputs into decisions."""

    network: keras.Model
    rule: DecisionRule

    @property
    def inspector(self) -> Inspector:
        """The network at work, at its operating point."""
        rule = self.rule
        return Inspector(KerasRunner(self.network), rule.classes, rule.roi, rule.operating_point)


def load_trained(path: Path) -> TrainedModel:
    """Loads a `.keras` file, or the one of a run folder, with the decision.json beside it.

    Raises:
        ModelFileError: There is no such file, or it is not a network.
        DataError: decision.json is missing or damaged.
    """
    file = resolve_model(path)
    rule = read_decision(RunFolder(file.parent).decision)
    return TrainedModel(load_network(file, compiled=False), rule)


def save_best(network: keras.Model, metrics: Mapping[str, float], run: RunFolder) -> None:
    """Saves a network, without its optimizer, if it is better than all before it.

    It goes by history.csv, so that a resumed run knows the best before it.

    Args:
        network: With the weights that were validated.
        metrics: What the validation measured, by name; its row is not in history.csv yet.
        run: Where history.csv is, and the network goes.
    """
    if score(metrics) > max(read_scores(run.history), default=-1.0):
        save_network(network, run.best, compiled=False)
