"""The metadata of a model file."""

import dataclasses
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import GOOD, POLICIES, QUANTIZATIONS, ROI_MODES
from capsule_inspect.errors import ModelFileError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.known_answer import KnownAnswer, read_known_answer
from capsule_inspect.modelfile.strict_json import StrictObject, field_names, parse_object


@dataclass(frozen=True)
class Metric:
    """A metric with its 95 % confidence interval.

    Attributes:
        name: One of the metric names of `capsule-inspect evaluate`.
        value: The value; finite.
        n: Number of pictures; at least 1.
        low: Lower end of the interval; None without an interval.
        high: Upper end of the interval; None exactly where `low` is.
    """

    name: str
    value: float
    n: int
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ReviewBand:
    """The defect scores at which a person decides.

    Attributes:
        accept_below: A capsule with a lower score is accepted; in [0, 1], at most the threshold.
        reject_from: One with this score or a higher one is rejected; in [0, 1], at least the
            threshold.
        miss_rate: The wanted share of defective pictures that are accepted.
        false_alarm_rate: The wanted share of good pictures that are rejected.
        expected: The share of good and of defective pictures with each outcome, such as
            `good_accept` and `defect_review`. Each picture is judged by a band chosen without it.
            Empty if unknown.
    """

    accept_below: float
    reject_from: float
    miss_rate: float
    false_alarm_rate: float
    expected: tuple[Metric, ...] = ()


@dataclass(frozen=True)
class OperatingPoint:
    """The temperature and thresholds that turn a model's outputs into decisions.

    Attributes:
        temperature: Divides the label logits before the softmax; above 0.
        threshold: A capsule is good if its defect score is below this; in [0, 1].
        mask_threshold: A pixel is defect if its defect probability is at least this; in [0, 1].
        chosen_by: How and on which pictures the numbers were chosen, as text for people.
        policy: Goal of the threshold, one of `POLICIES`.
        policy_value: The rate that `max_miss_rate` or `max_false_alarm_rate` allows; 0 with
            `best_f1`.
        expected: The expected `false_alarm_rate` and `miss_rate`. Each picture is judged by a
            threshold chosen without it. Empty if unknown.
        review: The scores at which a person decides; None if nobody does. JSON has the key only
            where there is a band, so that older versions of this package read files without one.
    """

    temperature: float = 1.0
    threshold: float = 0.5
    mask_threshold: float = 0.5
    chosen_by: str = "defaults, not chosen on data"
    policy: str = "best_f1"
    policy_value: float = 0.0
    expected: tuple[Metric, ...] = ()
    review: ReviewBand | None = None

    def to_document(self) -> dict[str, object]:
        """Returns it as `read_operating_point` takes it."""
        document = dataclasses.asdict(self)
        if self.review is None:
            del document[_REVIEW]
        return document


_REVIEW = "review"

RANGE_NAMES = (
    "red",
    "green",
    "blue",
    "length",
    "sharpness",
    "blockiness",
    "noise",
    "ood_score",
)
"""The quantities with a stored range: the fields of `Appearance` and the out-of-distribution
score."""


@dataclass(frozen=True)
class Range:
    """The range of a quantity on the training pictures.

    Attributes:
        name: One of `RANGE_NAMES`.
        low: Minimum.
        high: Maximum.
    """

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class TrainingStatistics:
    """Statistics of the training pictures.

    Attributes:
        feature_means: Mean of each channel of the network's output `features`.
        feature_deviations: Standard deviation of each channel; above 0.
        ood_limit: Pictures with a higher out-of-distribution score are unlike the training
            pictures.
        ranges: One for each of `RANGE_NAMES`, in that order; files of format 3 have fewer.
    """

    feature_means: tuple[float, ...]
    feature_deviations: tuple[float, ...]
    ood_limit: float
    ranges: tuple[Range, ...]

    def ood_score(self, features: NDArray[np.float32]) -> float:
        """Returns the out-of-distribution score of a picture; its mean on the training data is 1.

        It is the squared Mahalanobis distance, divided by the number of channels (Lee et al., "A
        simple unified framework for detecting out-of-distribution samples", 2018), with one class
        and a diagonal covariance, which a few hundred pictures are enough to estimate.

        Args:
            features: float32 [channels].
        """
        apart = (features - np.array(self.feature_means)) / np.array(self.feature_deviations)
        return float(np.mean(apart**2))

    def range_of(self, name: str) -> Range:
        """Returns the range of a quantity.

        Args:
            name: One of `RANGE_NAMES`.

        Raises:
            KeyError: There is no quantity of that name.
        """
        return {each.name: each for each in self.ranges}[name]


FORMAT_VERSION = 4
"""The version of `metadata.json` that this package writes."""
OLDEST_VERSION = 3
"""The oldest version that it reads."""

_SINCE = {"known_answer": 4, "blockiness": 4, "noise": 4}
"""The first version of each key and range that was not there from the oldest version on."""


def _names_in(version: int, names: Iterable[str]) -> tuple[str, ...]:
    """Returns those names of keys or ranges that a version of the format has."""
    return tuple(name for name in names if _SINCE.get(name, 0) <= version)


@dataclass(frozen=True)
class ModelMetadata:
    """The facts needed to use a model and to trace its origin.

    Attributes:
        flatbuffer_sha256: SHA-256 of the flatbuffer, in lower-case hexadecimal.
        classes: Class names in the order of the outputs; `good` first, then at least one defect.
        roi: The window of a picture that the network sees.
        operating_point: Temperature and thresholds, and how they were chosen.
        quantization: One of `QUANTIZATIONS`.
        training_data_sha256: SHA-256 that identifies the training pictures.
        training_statistics: Statistics of those; None for a network without the output `features`.
        metrics: Metrics of this model.
        measured_on: The pictures the metrics were measured on, as text for people.
        licence: Permitted uses of the weights under the training data's licence, in one line.
        created_with: The tool and version that wrote the file.
        known_answer: What the network says of the test picture; None in files of format 3.
        format_version: From `OLDEST_VERSION` to `FORMAT_VERSION`.
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
    known_answer: KnownAnswer | None = None
    format_version: int = FORMAT_VERSION

    def to_json(self) -> bytes:
        """Returns UTF-8 JSON, the same bytes for the same metadata on every machine.

        Raises:
            ValueError: A number is not finite.
        """
        values = dataclasses.asdict(self)
        values["operating_point"] = self.operating_point.to_document()
        document = {key: values[key] for key in _names_in(self.format_version, values)}
        text = json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()

    @classmethod
    def from_json(cls, data: bytes, name: str) -> "ModelMetadata":
        """Reads the output of `to_json`, and refuses anything else.

        Args:
            data: The bytes of `metadata.json`.
            name: The name of the model file in messages.

        Raises:
            ModelFileError: The format version differs, a key is unknown or missing, or a value has
                the wrong type or is out of range.
        """
        try:
            return _read(parse_object(data))
        except ValueError as error:
            raise ModelFileError(
                f"The metadata of {name} cannot be used: {error}; export the model again with "
                "`capsule-inspect export-tflite`."
            ) from error


def _read(document: dict[str, object]) -> ModelMetadata:
    # Checked first: another version may have other keys.
    version = document.get("format_version", FORMAT_VERSION)
    if type(version) is not int or not OLDEST_VERSION <= version <= FORMAT_VERSION:
        raise ValueError(
            f"its format version is {version!r}, but this capsule-inspect reads {OLDEST_VERSION} "
            f"to {FORMAT_VERSION}"
        )
    keys = frozenset(_names_in(version, field_names(ModelMetadata)))
    fields = StrictObject(document, "", keys)
    return ModelMetadata(
        flatbuffer_sha256=fields.sha256("flatbuffer_sha256"),
        classes=read_classes(fields),
        roi=read_roi(fields["roi"]),
        operating_point=read_operating_point(fields["operating_point"]),
        quantization=fields.choice("quantization", QUANTIZATIONS),
        training_data_sha256=fields.sha256("training_data_sha256"),
        training_statistics=_read_statistics(fields["training_statistics"], version),
        metrics=read_metrics(fields, "metrics"),
        measured_on=fields.text("measured_on"),
        licence=fields.text("licence"),
        created_with=fields.text("created_with"),
        known_answer=read_known_answer(fields["known_answer"]) if "known_answer" in keys else None,
        format_version=version,
    )


def _read_statistics(value: object, version: int) -> TrainingStatistics | None:
    if value is None:
        return None
    where = "training_statistics"
    fields = StrictObject(value, where, field_names(TrainingStatistics))
    means = fields.numbers("feature_means")
    deviations = fields.numbers("feature_deviations", low=sys.float_info.min)
    if len(means) != len(deviations):
        raise ValueError(f"`{where}` has {len(means)} means, but {len(deviations)} deviations")
    ranges = [
        _read_range(StrictObject(item, f"{where}.ranges[]", field_names(Range)))
        for item in fields.items("ranges")
    ]
    names = _names_in(version, RANGE_NAMES)
    if tuple(each.name for each in ranges) != names:
        raise ValueError(f"`{where}.ranges` must list {', '.join(names)}")
    return TrainingStatistics(means, deviations, fields.number("ood_limit", 0), tuple(ranges))


def _read_range(fields: StrictObject) -> Range:
    return Range(fields.text("name"), fields.number("low"), fields.number("high"))


def read_classes(fields: StrictObject) -> tuple[str, ...]:
    """Reads `classes`; raises ValueError unless `good` is first and all names are different."""
    classes = fields.texts("classes")
    if len(classes) < 2 or classes[0] != GOOD:
        raise ValueError("`classes` must be `good` and then at least one defect")
    if len(set(classes)) != len(classes):
        raise ValueError("`classes` names a class twice")
    return classes


def read_roi(value: object) -> Roi:
    """Reads a window; raises ValueError if a number is out of range."""
    fields = StrictObject(value, "roi", field_names(Roi))
    return Roi(
        mode=fields.choice("mode", ROI_MODES),
        width=fields.count("width"),
        height=fields.count("height"),
        capsule_length=fields.count("capsule_length"),
    )


def read_operating_point(value: object) -> OperatingPoint:
    """Reads an operating point; raises ValueError if a number is out of range."""
    document = {_REVIEW: None, **value} if isinstance(value, dict) else value
    fields = StrictObject(document, "operating_point", field_names(OperatingPoint))
    threshold = fields.number("threshold", 0, 1)
    return OperatingPoint(
        temperature=fields.number("temperature", low=sys.float_info.min),
        threshold=threshold,
        mask_threshold=fields.number("mask_threshold", 0, 1),
        chosen_by=fields.text("chosen_by"),
        policy=fields.choice("policy", POLICIES),
        policy_value=fields.number("policy_value", 0, 1),
        expected=read_metrics(fields, "expected"),
        review=None if fields[_REVIEW] is None else _read_band(fields[_REVIEW], threshold),
    )


def _read_band(value: object, threshold: float) -> ReviewBand:
    fields = StrictObject(value, "operating_point.review", field_names(ReviewBand))
    return ReviewBand(
        accept_below=fields.number("accept_below", 0, threshold),
        reject_from=fields.number("reject_from", threshold, 1),
        miss_rate=fields.number("miss_rate", 0, 1),
        false_alarm_rate=fields.number("false_alarm_rate", 0, 1),
        expected=read_metrics(fields, "expected"),
    )


def read_metrics(fields: StrictObject, key: str) -> tuple[Metric, ...]:
    """Reads a list of metrics; raises ValueError if a number is out of range."""
    return tuple(
        _read_metric(StrictObject(item, f"{key}[]", field_names(Metric)))
        for item in fields.items(key)
    )


def _read_metric(fields: StrictObject) -> Metric:
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
