"""What a model file says about itself."""

import dataclasses
import json
import sys
from dataclasses import dataclass
from typing import Any

from capsule_inspect.classes import GOOD
from capsule_inspect.errors import ModelFileError
from capsule_inspect.imaging.roi import ROI_MODES, Roi
from capsule_inspect.modelfile.fields import Fields, parse_object
from capsule_inspect.modelfile.metric import Metric
from capsule_inspect.modelfile.operating_point import POLICIES, OperatingPoint
from capsule_inspect.modelfile.quantizations import QUANTIZATIONS
from capsule_inspect.modelfile.training_statistics import (
    RANGE_NAMES,
    Range,
    TrainingStatistics,
)

FORMAT_VERSION = 3
"""The version of `metadata.json` that this package writes and reads."""


@dataclass(frozen=True)
class ModelMetadata:
    """Everything needed to use a model and to know where it comes from.

    Attributes:
        flatbuffer_sha256: SHA-256 of the flatbuffer this belongs to, in lower-case hexadecimal.
        classes: Names in the order of the outputs; `good` first, then at least one defect.
        roi: The window of a picture that the network sees.
        operating_point: Temperature and thresholds, and how they were chosen.
        quantization: One of `QUANTIZATIONS`.
        training_data_sha256: SHA-256 that identifies the training pictures.
        training_statistics: What those were like; None for a network without the output `features`.
        metrics: What was measured on this model.
        measured_on: Which pictures the metrics were measured on, for people.
        licence: What the training data's licence allows with the weights, in one line.
        created_with: The tool and version that wrote the file.
        format_version: Always `FORMAT_VERSION`.
    """

    flatbuffer_sha256: str
    classes: tuple[str, ...]
    roi: Roi
    operating_point: OperatingPoint
    quantization: str
    training_data_sha256: str
    training_statistics: TrainingStatistics | None
    metrics: tuple[Metric, ...]
    measured_on: str
    licence: str
    created_with: str
    format_version: int = FORMAT_VERSION

    def to_json(self) -> bytes:
        """Writes as UTF-8 JSON, the same bytes for the same metadata everywhere.

        Raises:
            ValueError: A number is not finite.
        """
        text = json.dumps(
            dataclasses.asdict(self), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False
        )
        return f"{text}\n".encode()

    @classmethod
    def from_json(cls, data: bytes, name: str) -> "ModelMetadata":
        """Reads strictly what `to_json` wrote.

        Args:
            data: The bytes of `metadata.json`.
            name: The model file's name, for messages.

        Raises:
            ModelFileError: Another format version, a key that is unknown or missing, a value of the
                wrong type or out of range.
        """
        try:
            return _read(parse_object(data))
        except ValueError as error:
            raise ModelFileError(
                f"The metadata of {name} cannot be used: {error}; export the model again with "
                "`capsule-inspect export-tflite`."
            ) from error


def _read(document: dict[str, object]) -> ModelMetadata:
    # First, since another version may well have other keys.
    version = document.get("format_version", FORMAT_VERSION)
    if type(version) is not int or version != FORMAT_VERSION:
        raise ValueError(
            f"its format version is {version!r}, but this capsule-inspect reads {FORMAT_VERSION}"
        )
    fields = Fields(document, "", _keys(ModelMetadata))
    return ModelMetadata(
        flatbuffer_sha256=fields.sha256("flatbuffer_sha256"),
        classes=read_classes(fields),
        roi=read_roi(fields["roi"]),
        operating_point=read_operating_point(fields["operating_point"]),
        quantization=fields.choice("quantization", QUANTIZATIONS),
        training_data_sha256=fields.sha256("training_data_sha256"),
        training_statistics=_read_statistics(fields["training_statistics"]),
        metrics=read_metrics(fields, "metrics"),
        measured_on=fields.text("measured_on"),
        licence=fields.text("licence"),
        created_with=fields.text("created_with"),
    )


def _read_statistics(value: object) -> TrainingStatistics | None:
    if value is None:
        return None
    where = "training_statistics"
    fields = Fields(value, where, _keys(TrainingStatistics))
    means = fields.numbers("feature_means")
    deviations = fields.numbers("feature_deviations", low=sys.float_info.min)
    if len(means) != len(deviations):
        raise ValueError(f"`{where}` has {len(means)} means, but {len(deviations)} deviations")
    ranges = [
        _read_range(Fields(item, f"{where}.ranges[]", _keys(Range)))
        for item in fields.items("ranges")
    ]
    if tuple(each.name for each in ranges) != RANGE_NAMES:
        raise ValueError(f"`{where}.ranges` must be of {', '.join(RANGE_NAMES)}")
    return TrainingStatistics(means, deviations, fields.number("ood_limit", 0), tuple(ranges))


def _read_range(fields: Fields) -> Range:
    return Range(fields.text("name"), fields.number("low"), fields.number("high"))


def _keys(kind: type[Any]) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(kind))


def read_classes(fields: Fields) -> tuple[str, ...]:
    """Reads `classes`; `ValueError` unless it is `good` and then other names, none twice."""
    classes = fields.texts("classes")
    if len(classes) < 2 or classes[0] != GOOD:
        raise ValueError("`classes` must be `good` and then at least one defect")
    if len(set(classes)) != len(classes):
        raise ValueError("`classes` names a class twice")
    return classes


def read_roi(value: object) -> Roi:
    """Reads a window; `ValueError` if a number is out of range."""
    fields = Fields(value, "roi", _keys(Roi))
    return Roi(
        mode=fields.choice("mode", ROI_MODES),
        width=fields.count("width"),
        height=fields.count("height"),
        capsule_length=fields.count("capsule_length"),
    )


def read_operating_point(value: object) -> OperatingPoint:
    """Reads temperature and thresholds; `ValueError` if one is out of range."""
    fields = Fields(value, "operating_point", _keys(OperatingPoint))
    return OperatingPoint(
        temperature=fields.number("temperature", low=sys.float_info.min),
        threshold=fields.number("threshold", 0, 1),
        mask_threshold=fields.number("mask_threshold", 0, 1),
        chosen_by=fields.text("chosen_by"),
        policy=fields.choice("policy", POLICIES),
        policy_value=fields.number("policy_value", 0, 1),
        expected=read_metrics(fields, "expected"),
    )


def read_metrics(fields: Fields, key: str) -> tuple[Metric, ...]:
    """Reads a list of metrics; `ValueError` if a number is out of range."""
    return tuple(
        _read_metric(Fields(item, f"{key}[]", _keys(Metric))) for item in fields.items(key)
    )


def _read_metric(fields: Fields) -> Metric:
    metric = Metric(
        name=fields.text("name"),
        value=fields.number("value"),
        n=fields.count("n"),
        low=fields.optional_number("low"),
        high=fields.optional_number("high"),
    )
    if (metric.low is None) != (metric.high is None):
        raise ValueError(f"the interval of `{metric.name}` has only one end")
    if metric.low is not None and metric.high is not None and metric.low > metric.high:
        raise ValueError(f"the interval of `{metric.name}` ends below its start")
    return metric
