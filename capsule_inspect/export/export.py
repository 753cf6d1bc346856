"""Exporting a training run to a verified model file."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from capsule_inspect import __version__
from capsule_inspect.dataset.manifest import DataSet, Sample, training_sha256
from capsule_inspect.errors import ConfigError, ModelFileError
from capsule_inspect.evaluation.evaluate import require_known_classes
from capsule_inspect.evaluation.metrics import measure
from capsule_inspect.export.convert import convert
from capsule_inspect.export.parity import Parity, compare
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.read import read_picture
from capsule_inspect.modelfile.bundle import ModelBundle, write_bundle
from capsule_inspect.modelfile.metadata import FORMAT_VERSION, QUANTIZATIONS, Metric, ModelMetadata
from capsule_inspect.modelfile.runtime import Interpreter
from capsule_inspect.settings import ExportSettings
from capsule_inspect.training.load import TrainedModel


@dataclass(frozen=True)
class Exported:
    """A model file, and how it compares with the network it came from.

    Attributes:
        path: The file.
        size: Its size in bytes.
        runtime: The small runtime that read it back.
        parity: The comparison, over all pictures of the data set.
        metrics: Of the model file, on the pictures `measured_on` names.
        measured_on: Which pictures these are.
        complaints: Limits that were broken; empty unless the export was forced.
    """

    path: Path
    size: int
    runtime: str
    parity: Parity
    metrics: tuple[Metric, ...]
    measured_on: str
    complaints: tuple[str, ...]


def export_tflite(
    model: TrainedModel,
    data: DataSet,
    out: Path,
    limits: ExportSettings,
    force: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> Exported:
    """Converts a trained network, reads the file back, compares, and writes it.

    Args:
        model: The network and its decision rule.
        data: Pictures to calibrate on (its training split) and to compare on (all).
        out: The file to write.
        limits: Format and limits.
        force: Write the file even if it breaks the limits.
        advance: Called after each picture compared.

    Raises:
        ModelFileError: The exported model disagrees with the network beyond the limits.
        ConfigError: The format is unknown.
    """
    rule = model.rule
    if limits.format not in QUANTIZATIONS:
        raise ConfigError(
            f"export.format is '{limits.format}', but can be: {', '.join(QUANTIZATIONS)}."
        )
    require_known_classes(data.samples, rule.classes)
    out.parent.mkdir(parents=True, exist_ok=True)
    windows = list(_windows(data, _calibration_samples(data, limits.calibration), model))
    flatbuffer = convert(model.network, limits.format, windows)
    metadata = ModelMetadata(
        format_version=FORMAT_VERSION,
        flatbuffer_sha256=hashlib.sha256(flatbuffer).hexdigest(),
        classes=rule.classes,
        roi=rule.roi,
        operating_point=rule.operating_point,
        quantization=limits.format,
        training_data_sha256=rule.training_data_sha256,
        metrics=(),
        measured_on="nothing yet",
        licence=rule.licence,
        created_with=f"capsule-inspect {__version__}",
    )
    interpreter = Interpreter(ModelBundle(flatbuffer, metadata, str(out)))
    original = model.inspector
    exported = replace(original, run=interpreter.run)
    parity = compare(data, data.samples, original, exported, advance)
    complaints = tuple(_complaints(parity, limits.min_agreement, limits.max_dice_drop))
    if complaints and not force:
        raise ModelFileError(
            f"{' '.join(complaints)} Nothing was written. Export as float16, train longer, "
            "or insist with --force."
        )
    split = "test" if any(sample.split == "test" for sample in data.samples) else "val"
    metrics, measured_on = _metrics(data, parity, split)
    if training_sha256(data) != rule.training_data_sha256:
        measured_on = f"another split than the model was trained on: {measured_on}"
    metadata = replace(metadata, metrics=metrics, measured_on=measured_on)
    write_bundle(out, flatbuffer, metadata)
    return Exported(
        out, out.stat().st_size, interpreter.runtime, parity, metrics, measured_on, complaints
    )


def _calibration_samples(data: DataSet, count: int) -> list[Sample]:
    """Takes training pictures of all classes in turn, so that rare defects are measured too."""
    train = [sample for sample in data.samples if sample.split == "train"]
    places: dict[str, int] = {}
    ranks = []
    for sample in train:
        ranks.append(places.get(sample.label, 0))
        places[sample.label] = ranks[-1] + 1
    order = sorted(range(len(train)), key=lambda index: (ranks[index], train[index].path))
    return [train[index] for index in order[:count]]


def _windows(
    data: DataSet, samples: Sequence[Sample], model: TrainedModel
) -> Iterator[NDArray[np.uint8]]:
    for sample in samples:
        picture = read_picture(data.root / sample.path)
        for crop in find_crops(picture, model.rule.roi):
            yield crop.take(picture)


def _complaints(parity: Parity, min_agreement: float, max_dice_drop: float) -> Iterator[str]:
    if parity.agreement < min_agreement:
        yield (
            f"The exported model gives {parity.agreement:.1%} of {parity.pictures} pictures the "
            f"label the network gives; at least {min_agreement:.1%} is asked for."
        )
    if parity.dice_drop > max_dice_drop:
        yield (
            f"Dice falls from {parity.dice_before:.3f} to {parity.dice_after:.3f}; "
            f"a fall of {max_dice_drop} at most is asked for."
        )


def _metrics(data: DataSet, parity: Parity, split: str) -> tuple[tuple[Metric, ...], str]:
    pairs = zip(data.samples, parity.after, strict=True)
    judgements = [judgement for sample, judgement in pairs if sample.split == split]
    if not judgements:
        return (), "nothing: the data set has neither a test nor a validation split"
    note = {
        "test": "the test split, unseen in training",
        "val": "the validation split, on which the operating point was chosen",
    }[split]
    return measure(judgements, data.classes[0]), f"{note}: {len(judgements)} pictures"
