"""Saving and loading of trained networks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras

from capsule_inspect.errors import DataError, ModelFileError
from capsule_inspect.files import atomic_write, hash_file
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.model import losses, optimizer  # noqa: F401  (registers their classes)
from capsule_inspect.model.keras_runner import KerasRunner
from capsule_inspect.modelfile.runtime import LOGITS
from capsule_inspect.runs.history import read_scores
from capsule_inspect.runs.run import score
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.decision import DecisionRule, read_decision, resolve_model
from capsule_inspect.training.keras_archive import require_whole


def save_network(network: keras.Model, path: Path, compiled: bool) -> None:
    """Saves a network atomically.

    Args:
        network: The network.
        path: The `.keras` file.
        compiled: Whether to save optimizer and losses as well, which a resumed run needs; the
            optimizer takes three quarters of the file.
    """
    if not compiled:
        network = keras.Model(network.inputs, network.output, name=network.name)
    with atomic_write(path) as unfinished:
        network.save(unfinished)


def load_network(path: Path, compiled: bool) -> keras.Model:
    """Loads a `.keras` file; refuses one that holds code.

    Args:
        path: The file.
        compiled: Whether to restore optimizer and losses, which a resumed run needs.

    Raises:
        ModelFileError: The file is damaged or not a network of this version.
    """
    require_whole(path)
    try:
        return keras.saving.load_model(path, compile=compiled, safe_mode=True)
    except Exception as error:  # Keras raises whatever its parts raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(f"'{path}' cannot be loaded as a Keras model: {reason}") from error


@dataclass(frozen=True)
class TrainedModel:
    """A Keras network and the rule that turns its outputs into decisions."""

    network: keras.Model
    rule: DecisionRule

    @property
    def inspector(self) -> Inspector:
        """An inspector that uses the network at its operating point."""
        rule = self.rule
        return Inspector(KerasRunner(self.network), rule.classes, rule.roi, rule.operating_point)


def load_trained(path: Path) -> TrainedModel:
    """Loads a `.keras` file with the decision.json beside it, given the file or its run folder.

    Raises:
        ModelFileError: The file does not exist or is not a network.
        DataError: decision.json is missing, damaged or of another network.
    """
    file = resolve_model(path)
    decision = RunFolder(file.parent).decision
    rule = read_decision(decision)
    network = load_network(file, compiled=False)
    found, told = _describe(network), _implied(rule)
    if found != told or rule.network_sha256 not in ("", hash_file(file)):
        differ = f": the network has {found}, and the rule is for {told}" if found != told else ""
        raise DataError(
            f"'{decision}' is not of the network '{file}'{differ}. Put the two files of one run "
            "beside each other."
        )
    return TrainedModel(network, rule)


def _describe(network: keras.Model) -> str:
    """Returns what a network takes and gives, in the words of `_implied`."""
    outputs, inputs = getattr(network, "output", None), list(getattr(network, "inputs", ()))
    shape = inputs[0].shape if len(inputs) == 1 else ()
    window = f"a window of {' x '.join(map(str, shape[2:0:-1]))} px"
    if not isinstance(outputs, dict) or LOGITS not in outputs:
        return f"{window} and no output `{LOGITS}`"
    return f"{window} and {outputs[LOGITS].shape[-1]} classes"


def _implied(rule: DecisionRule) -> str:
    return f"a window of {rule.roi.width} x {rule.roi.height} px and {len(rule.classes)} classes"


def save_best(network: keras.Model, metrics: Mapping[str, float], run: RunFolder) -> None:
    """Saves a network, without its optimizer, if its score is the best so far.

    Earlier scores come from history.csv, so that a resumed run knows them.

    Args:
        network: The network, with the validated weights.
        metrics: Its validation metrics by name; history.csv does not have them yet.
        run: The run folder.
    """
    if score(metrics) > max(read_scores(run.history), default=-1.0):
        save_network(network, run.best, compiled=False)
