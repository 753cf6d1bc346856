"""decision.json: the classes, window and operating point of a Keras network."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

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
from capsule_inspect.text import command_line, suggest_path


@dataclass(frozen=True)
class DecisionRule:
    """The facts needed to use a Keras network, like the metadata of a model file.

    Attributes:
        classes: Class names in the order of the outputs, `good` first.
        roi: The network's window.
        operating_point: Temperature and thresholds.
        training_data_sha256: SHA-256 that identifies the training pictures.
        licence: Permitted uses of the weights under the training data's licence.
        network_sha256: SHA-256 of the network's file; empty for a study, or if an older version
            wrote it.
    """

    classes: tuple[str, ...]
    roi: Roi
    operating_point: OperatingPoint
    training_data_sha256: str
    licence: str
    network_sha256: str = ""


def write_decision(path: Path, rule: DecisionRule) -> None:
    """Writes decision.json, with a checksum of the rest."""
    document = dataclasses.asdict(rule)
    document["operating_point"] = rule.operating_point.to_document()
    write_json(path, {**document, _CHECKSUM: _checksum(document)})


_CHECKSUM: Final = "checksum"
"""The key of what `_checksum` returns; files of older versions lack it."""


def _checksum(document: dict[str, Any]) -> str:
    """Returns the SHA-256 of a document without its checksum, as compact JSON with sorted keys.

    A single wrong bit could otherwise move a threshold without a word.
    """
    rest = {key: value for key, value in document.items() if key != _CHECKSUM}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_decision(path: Path) -> DecisionRule:
    """Reads decision.json.

    Raises:
        DataError: The file is missing or damaged.
    """
    try:
        keys = frozenset(field.name for field in dataclasses.fields(DecisionRule))
        document = {"network_sha256": "", **parse_object(path.read_bytes())}
        told, checksum = document.pop(_CHECKSUM, None), _checksum(document)
        fields = StrictObject(document, "", keys)
        rule = DecisionRule(
            classes=read_classes(fields),
            roi=read_roi(fields["roi"]),
            operating_point=read_operating_point(fields["operating_point"]),
            training_data_sha256=fields.sha256("training_data_sha256"),
            licence=fields.text("licence"),
            network_sha256=""
            if document["network_sha256"] == ""
            else fields.sha256("network_sha256"),
        )
        if told not in (None, checksum):
            raise ValueError("its checksum is not that of its content")
        return rule
    except OSError as error:
        raise DataError(
            f"'{path}' cannot be read ({error.strerror}). The .keras file needs it in the same "
            "folder; `capsule-inspect train` writes both."
        ) from error
    except ValueError as error:
        raise DataError(
            f"'{path}' is damaged: {error}. Train again, or restore the file."
        ) from error


def resolve_model(path: Path) -> Path:
    """Returns the path of a `.keras` file, given the file or its run folder.

    Raises:
        ModelFileError: The file does not exist or is a `.tflite` file, or the run is unfinished.
    """
    run = RunFolder(path)
    file = run.model if path.is_dir() else path
    if run.checkpoint.is_file() and not run.model.is_file():
        raise ModelFileError(
            f"The run '{path}' is unfinished. Resume it with: "
            f"{command_line('train', '--resume', path)}"
        )
    if not file.is_file():
        raise ModelFileError(
            f"There is no model '{file}'.{suggest_path(file)} "
            "Give a .keras file or a run folder of `train`."
        )
    if file.suffix == ".tflite":
        raise ModelFileError(
            f"'{file}' is already converted. Give the .keras file or the run folder that it was "
            "made from."
        )
    return file
