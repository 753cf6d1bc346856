"""Trained networks on disk: save, find and load them with their operating point."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras

from capsule_inspect.errors import DataError, ModelFileError
from capsule_inspect.files import replace_json, replacing
from capsule_inspect.imaging.crop import Roi
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.model import losses  # noqa: F401  (registers what files hold)
from capsule_inspect.model import optimizer as encoder_adamw  # noqa: F401  (registers what files hold)
from capsule_inspect.model.runner import KerasRunner
from capsule_inspect.modelfile.metadata import (
    OperatingPoint,
    read_classes,
    read_operating_point,
    read_roi,
)
from capsule_inspect.modelfile.strict_json import Fields, parse_object
from capsule_inspect.runs.history import read_scores
from capsule_inspect.runs.run import score
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.text import suggest_path


@dataclass(frozen=True)
class DecisionRule:
    """What belongs to a Keras model, as metadata belongs to a model file.

    Attributes:
        classes: Names in the order of the outputs, `good` first.
        roi: The window the network sees.
        operating_point: Temperature and thresholds.
        training_data_sha256: Identifies the pictures the model was trained on.
        licence: What the training data's licence allows with the weights.
    """

    classes: tuple[str, ...]
    roi: Roi
    operating_point: OperatingPoint
    training_data_sha256: str
    licence: str


def write_decision(path: Path, rule: DecisionRule) -> None:
    """Writes decision.json."""
    replace_json(path, dataclasses.asdict(rule))


def read_decision(path: Path) -> DecisionRule:
    """Reads decision.json.

    Raises:
        DataError: The file is missing or damaged.
    """
    try:
        keys = frozenset(field.name for field in dataclasses.fields(DecisionRule))
        fields = Fields(parse_object(path.read_bytes()), "", keys)
        return DecisionRule(
            classes=read_classes(fields),
            roi=read_roi(fields["roi"]),
            operating_point=read_operating_point(fields["operating_point"]),
            training_data_sha256=fields.sha256("training_data_sha256"),
            licence=fields.text("licence"),
        )
    except OSError as error:
        raise DataError(
            f"'{path}' cannot be read ({error.strerror}). It belongs beside model.keras; "
            "`capsule-inspect train` writes both."
        ) from error
    except ValueError as error:
        raise DataError(
            f"'{path}' is damaged: {error}. Train again, or restore the file."
        ) from error


def find_model(path: Path) -> Path:
    """Returns a `.keras` file, or the one of a run folder.

    Raises:
        ModelFileError: There is no such file, or it is converted already.
    """
    run = RunFolder(path)
    file = run.model if path.is_dir() else path
    if run.checkpoint.is_file() and not run.model.is_file():
        raise ModelFileError(
            f"The run '{path}' is unfinished. Go on with it: capsule-inspect train "
            f"train.resume={path}"
        )
    if not file.is_file():
        raise ModelFileError(
            f"There is no model '{file}'.{suggest_path(file)} "
            "Give a .keras file or a run folder of `train`."
        )
    if file.suffix == ".tflite":
        raise ModelFileError(
            f"'{file}' is a converted file already. Give the .keras file or the run folder that it "
            "came from."
        )
    return file


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
    with replacing(path) as unfinished:
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
    file = find_model(path)
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
