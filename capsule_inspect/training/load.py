"""Loading what `train` saved."""

from dataclasses import dataclass
from pathlib import Path

import keras

from capsule_inspect.errors import ModelFileError
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.model import losses, optimizer  # noqa: F401  (registers what files may hold)
from capsule_inspect.model.runner import KerasRunner
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.decision import DecisionRule, read_decision
from capsule_inspect.training.find_model import find_model


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
    file = find_model(path)
    rule = read_decision(RunFolder(file.parent).decision)
    return TrainedModel(load_network(file, compiled=False), rule)


def load_network(file: Path, compiled: bool) -> keras.Model:
    """Loads a `.keras` file that holds no code.

    Args:
        file: The file.
        compiled: Whether to restore optimizer and losses, to go on training.

    Raises:
        ModelFileError: It is damaged or not a network of this version.
    """
    try:
        return keras.saving.load_model(file, compile=compiled, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(f"'{file}' cannot be loaded as a Keras model: {reason}") from error
