"""Loading a network that `train` saved."""

from dataclasses import dataclass
from pathlib import Path

import keras

from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.model.keras_runner import KerasRunner
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.decision import DecisionRule, read_decision
from capsule_inspect.training.find_model import find_model
from capsule_inspect.training.network_file import load_network


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
