"""Choose the operating point of an exported file."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from capsule_inspect.choices import AUTO_POLICY, GOOD_OR_ANOMALY
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import ConfigError, DataError
from capsule_inspect.evaluation.evaluation_folder import METRICS_FILE
from capsule_inspect.evaluation.judge import gather_evidence
from capsule_inspect.evaluation.operating_point import choose_on_split
from capsule_inspect.exporting.convert import Converted
from capsule_inspect.modelfile.metadata import (
    Metric,
    OperatingPoint,
    read_metrics,
    read_operating_point,
)
from capsule_inspect.modelfile.strict_json import StrictObject, parse_object
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import Settings, ThresholdSettings
from capsule_inspect.settings.yaml_text import read_settings


def choose_point(
    converted: Converted,
    data: DataSet,
    wanted: ThresholdSettings,
    advance: Callable[[], None] = lambda: None,
) -> OperatingPoint:
    """Chooses the operating point of a model file on the validation split.

    Args:
        converted: The model file in memory.
        data: The data set.
        wanted: How to choose the threshold.
        advance: Called after each picture.

    Returns:
        The point. It is the network's own if the data set has no validation split, or another one
        than in training.

    Raises:
        ConfigError: A policy is set, but there are no pictures to choose on.
        PictureError: A picture or mask cannot be read.
    """
    rule = converted.model.rule
    follows_good_ones = rule.operating_point.policy == "max_false_alarm_rate"
    knows_no_defects = rule.classes == GOOD_OR_ANOMALY and follows_good_ones
    if knows_no_defects and wanted.is_auto:
        return rule.operating_point  # chosen on good pictures alone, by cross-fitting
    held_out = validation_samples(converted, data)
    if held_out:
        evidence = gather_evidence(data, held_out, converted.inspector, advance)
        wanted = wanted.resolve(rule.operating_point)
        return choose_on_split(evidence, wanted, "the validation split")
    if wanted.is_auto:
        return rule.operating_point
    name = "threshold.review" if wanted.policy == AUTO_POLICY else "threshold.policy"
    value = wanted.review if wanted.policy == AUTO_POLICY else wanted.policy
    raise ConfigError(
        f"{name}={value} cannot be followed: the data set has no validation "
        "split, or another one than the network was trained with, and a threshold is never chosen "
        f"on pictures that training has seen. Leave {name} out, or give the data set "
        "that the network was trained on."
    )


def validation_samples(converted: Converted, data: DataSet) -> tuple[Sample, ...]:
    """Returns the validation split; nothing if the network may have seen it in training.

    Args:
        converted: The network's model file.
        data: The data set.
    """
    return data.of_split("val") if converted.was_trained_on(data) else ()


_KEYS = ("operating_point", "metrics", "measured_on", "pictures_sha256")


@dataclass(frozen=True)
class PooledResults:
    """The results of a cross-validation that go into a model file.

    Attributes:
        point: The operating point, chosen on all folds.
        metrics: The metrics, pooled over the folds.
        measured_on: The pictures that they were measured on, for people.
        pictures_sha256: Hash that identifies these pictures.
        settings: The settings of the study.
    """

    point: OperatingPoint
    metrics: tuple[Metric, ...]
    measured_on: str
    pictures_sha256: str
    settings: Settings


def read_pooled_results(folder: Path) -> PooledResults:
    """Reads the results that `evaluate` wrote for a study.

    Raises:
        DataError: The folder has no evaluation of a study, or a damaged one.
        ConfigError: Its config.yaml is missing or damaged.
    """
    path = folder / METRICS_FILE
    try:
        document = parse_object(path.read_bytes())
        fields = StrictObject({key: document[key] for key in _KEYS}, "", frozenset(_KEYS))
        return PooledResults(
            point=read_operating_point(fields["operating_point"]),
            metrics=read_metrics(fields, "metrics"),
            measured_on=fields.text("measured_on"),
            pictures_sha256=fields.sha256("pictures_sha256"),
            settings=read_settings(RunFolder(folder).config),
        )
    except OSError as error:
        raise DataError(
            f"'{path}' cannot be read ({error.strerror}). --cross-validation names a folder that "
            "`capsule-inspect evaluate STUDY` wrote."
        ) from error
    except KeyError as error:
        raise DataError(
            f"'{path}' lacks {error}: it is not the evaluation of a study. Make one with "
            "`capsule-inspect evaluate STUDY`."
        ) from error
    except ValueError as error:
        raise DataError(f"'{path}' is damaged: {error}. Evaluate the study again.") from error


def require_same_recipe(
    measured: PooledResults, training_data_sha256: str, settings: Settings
) -> None:
    """Checks that a cross-validation used the data and settings that a network was trained with.

    Args:
        measured: The cross-validation.
        training_data_sha256: Hash that identifies the training pictures of the network.
        settings: The settings of its run.

    Raises:
        DataError: It was trained on other pictures, or with other settings.
    """
    if measured.pictures_sha256 != training_data_sha256:
        raise DataError(
            "The network was not trained on all pictures of the cross-validation and no others. "
            "Prepare the data with data.val=0 data.test=0, and train on that."
        )
    if _recipe(measured.settings) != _recipe(settings):
        raise DataError(
            "The network was trained with other settings of model or train than the "
            "cross-validation, so its metrics do not apply. Train with the config.yaml of the "
            "study; only train.folds, train.seeds and train.seed may differ."
        )


def _recipe(settings: Settings) -> Settings:
    """Returns the settings that decide how good a network gets, with defaults for all others."""
    train = replace(settings.train, folds=0, seeds=1, seed=0, validate_every=1, resume="")
    return Settings(model=settings.model, train=train)
