"""decision.json: the classes, window and operating point that belong to a Keras network."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.errors import DataError, ModelFileError
from capsule_inspect.files import write_json
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.metadata import (
    OperatingPoint,
    read_classes,
    read_operating_point,
    read_roi,
)
from capsule_inspect.modelfile.strict_json import StrictObject, parse_object
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
    write_json(path, dataclasses.asdict(rule))


def read_decision(path: Path) -> DecisionRule:
    """Reads decision.json.

    Raises:
        DataError: The file is missing or damaged.
    """
    try:
        keys = frozenset(field.name for field in dataclasses.fields(DecisionRule))
        fields = StrictObject(parse_object(path.read_bytes()), "", keys)
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


def resolve_model(path: Path) -> Path:
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
