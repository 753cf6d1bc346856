"""decision.json: what turns the outputs of a run's model into decisions."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.errors import DataError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.fields import Fields, parse_object
from capsule_inspect.modelfile.metadata import read_classes, read_operating_point, read_roi
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.replacing import replace_json


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
