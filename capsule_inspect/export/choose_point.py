"""The operating point of a model file, chosen on pictures its network has not seen."""

from collections.abc import Callable

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.errors import ConfigError
from capsule_inspect.evaluation.cross_fit import choose_on_split
from capsule_inspect.evaluation.evidence import gather_evidence
from capsule_inspect.export.converted import Converted
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.settings.threshold_settings import AUTO, ThresholdSettings


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
        wanted: The policy of the threshold.
        advance: Called after each picture.

    Returns:
        The point; that of the network where the data set has no validation split, or another one
        than the network was trained with.

    Raises:
        ConfigError: A policy is wanted, and there are no pictures to choose on.
        PictureError: A picture or mask cannot be read.
    """
    rule = converted.model.rule
    held_out = validation_samples(converted, data)
    if held_out:
        evidence = gather_evidence(data, held_out, converted.inspector, advance)
        wanted = wanted.resolve(rule.operating_point)
        return choose_on_split(evidence, wanted, "the validation split")
    if wanted.policy == AUTO:
        return rule.operating_point
    raise ConfigError(
        f"threshold.policy={wanted.policy} cannot be followed: the data set has no validation "
        "split, or another one than the network was trained with, and a threshold is never chosen "
        "on pictures that training has seen. Leave threshold.policy away, or give the data set "
        "of the training."
    )


def validation_samples(converted: Converted, data: DataSet) -> tuple[Sample, ...]:
    """Returns the validation split; nothing where the network may have seen it.

    Args:
        converted: The network's model file.
        data: The data set.
    """
    return data.of_split("val") if converted.was_trained_on(data) else ()
