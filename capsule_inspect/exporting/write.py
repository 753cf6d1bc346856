"""Verify an exported model, and write its file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.evaluation.metrics import measure
from capsule_inspect.exporting.convert import Converted
from capsule_inspect.exporting.operating_point import PooledResults
from capsule_inspect.exporting.parity import DisagreementError, Parity, compare
from capsule_inspect.exporting.training_statistics import measure_training_statistics
from capsule_inspect.files import hash_file
from capsule_inspect.modelfile.bundle import write_bundle
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint
from capsule_inspect.settings.groups import ExportSettings


@dataclass(frozen=True)
class Exported:
    """A written model file, and its agreement with the network.

    Attributes:
        path: The file.
        size: Its size in bytes.
        runtime: The runtime that executed it.
        parity: The comparison with the network, on all pictures of the data set.
        metrics: The metrics in the file.
        measured_on: The pictures that they were measured on, for people.
        limits: The limits that the comparison was held to.
        complaints: Those that it breaks; empty unless the export was forced.
        point: The operating point in the file.
        replaced: Date and SHA-256 of the file that was there before, for people; empty if none was.
    """

    path: Path
    size: int
    runtime: str
    parity: Parity
    metrics: tuple[Metric, ...]
    measured_on: str
    limits: ExportSettings
    complaints: tuple[str, ...]
    point: OperatingPoint
    replaced: str


def write_verified(
    converted: Converted,
    data: DataSet,
    point: OperatingPoint,
    settings: ExportSettings,
    *,
    cross_validated: PooledResults | None = None,
    force: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> Exported:
    """Compares an exported model with its network, and writes the model file.

    Args:
        converted: The model file in memory.
        data: The data set; all its pictures are compared.
        point: The operating point of the file.
        settings: The limits of disagreement.
        cross_validated: Results whose metrics go into the file; None to measure on a split of
            `data`.
        force: Write the file even if it breaks the limits.
        advance: Called after each picture compared, and after each training picture measured.

    Raises:
        DisagreementError: The exported model disagrees with the network beyond the limits.
        ModelFileError: The file cannot be written.
        PictureError: A picture or mask cannot be read.
    """
    original = replace(converted.model.inspector, point=point)
    exported = replace(converted.inspector, point=point)
    parity = compare(data, data.samples, original, exported, advance)
    runtime = converted.interpreter.runtime
    complaints = (*converted.doubts, *_complaints(parity, settings))
    if complaints and not force:
        is_coarse = converted.bundle.metadata.quantization in {"int8", "dynamic"}
        mend = "Export as float16, train longer," if is_coarse else "Train longer,"
        how = " For float16, add export.format=float16." if is_coarse else ""
        raise DisagreementError(
            f"{' '.join(complaints)} Nothing was written. {mend} or write it anyway with --force."
            f"{how}",
            parity,
            runtime,
            settings,
        )
    if cross_validated:
        metrics, measured_on = cross_validated.metrics, cross_validated.measured_on
    else:
        metrics, measured_on = _measure(converted, data, parity)
    statistics = None
    if converted.was_trained_on(data):
        statistics = measure_training_statistics(data, data.of_split("train"), exported, advance)
    metadata = replace(
        converted.bundle.metadata,
        operating_point=point,
        training_statistics=statistics,
        metrics=metrics,
        measured_on=measured_on,
    )
    replaced = _describe_file(converted.out)
    write_bundle(converted.out, converted.bundle.flatbuffer, metadata)
    return Exported(
        converted.out,
        converted.out.stat().st_size,
        runtime,
        parity,
        metrics,
        measured_on,
        settings,
        complaints,
        point,
        replaced,
    )


def _describe_file(path: Path) -> str:
    if not path.is_file():
        return ""
    written = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    return f"the file of {written:%Y-%m-%d %H:%M}, sha256 {hash_file(path)}"


def _complaints(parity: Parity, limits: ExportSettings) -> Iterator[str]:
    if parity.agreement < limits.min_agreement:
        yield (
            f"The exported model gives {parity.agreement:.1%} of {parity.pictures} pictures the "
            f"same label as the network; at least {limits.min_agreement:.1%} is required."
        )
    if parity.dice_drop > limits.max_dice_drop:
        yield (
            f"Dice falls from {parity.dice_before:.3f} to {parity.dice_after:.3f}; "
            f"a fall of {limits.max_dice_drop} at most is allowed."
        )


def _measure(converted: Converted, data: DataSet, parity: Parity) -> tuple[tuple[Metric, ...], str]:
    """Measures the test split, or the validation split if there is none."""
    split = "test" if data.of_split("test") else "val"
    pairs = zip(data.samples, parity.after, strict=True)
    judgements = [judgement for sample, judgement in pairs if sample.split == split]
    if not judgements:
        return (), "nothing: the data set has neither a test nor a validation split"
    note = {
        "test": "the test split, unseen in training",
        "val": "the validation split, on which the operating point was chosen",
    }[split]
    measured_on = f"{note}: {len(judgements)} pictures"
    if not converted.was_trained_on(data):
        measured_on = f"another split than the model was trained on: {measured_on}"
    return measure(judgements), measured_on
