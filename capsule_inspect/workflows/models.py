"""Load a model of any kind, and describe its error rates."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capsule_inspect.choices import RuntimeName
from capsule_inspect.files import hash_file
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.workflows.extras import import_training_stack

if TYPE_CHECKING:
    from capsule_inspect.inference.inspector import Inspector
    from capsule_inspect.modelfile.metadata import OperatingPoint, ReviewBand


@dataclass(frozen=True)
class LoadedModel:
    """A model that can inspect pictures.

    Attributes:
        inspector: The network and its operating point.
        training_data_sha256: Identifies the pictures it was trained on.
        sha256: Of its file.
    """

    inspector: "Inspector"
    training_data_sha256: str
    sha256: str


def load_model(
    file: Path, runtime: RuntimeName, threads: int, reporter: Reporter = SILENT
) -> LoadedModel:
    """Loads a `.tflite` file, or a `.keras` file with the decision.json beside it.

    Args:
        file: The file; TensorFlow is imported for a `.keras` one alone.
        runtime: What executes a `.tflite` file.
        threads: Its number of threads.
        reporter: Told before TensorFlow is imported.

    Raises:
        ModelFileError: The file is missing, damaged or foreign, or is not executed rightly.
        DataError: decision.json is missing or damaged.
    """
    if file.suffix == ".tflite":
        from capsule_inspect.inference.inspector import load

        inspector = load(file, runtime=runtime, threads=threads)
        return LoadedModel(inspector, inspector.metadata.training_data_sha256, hash_file(file))
    from capsule_inspect.training.decision import resolve_model

    resolve_model(file)
    import_training_stack("evaluate", reporter=reporter)
    from capsule_inspect.training.network_files import load_trained

    trained = load_trained(file)
    return LoadedModel(trained.inspector, trained.rule.training_data_sha256, hash_file(file))


_WORDS = {"false_alarm_rate": "of good pictures called defective", "miss_rate": "of defects missed"}


def describe_expected(point: "OperatingPoint") -> str:
    """Returns the rates with their intervals, such as `1.5% (0.5% to 4.2%) of defects missed`."""
    rates = [
        f"{metric.value:.1%}{_interval(metric.low, metric.high)} {_WORDS[metric.name]}"
        for metric in point.expected
        if metric.name in _WORDS
    ]
    return ", ".join(rates) or "not known"


_OUTCOMES = {
    "defect_accept": "of defects accepted",
    "good_reject": "of good pictures rejected",
    "good_review": "of good pictures for review",
    "defect_review": "of defects for review",
}


def describe_outcomes(band: "ReviewBand") -> str:
    """Returns the shares to expect, such as `0.4% (0.1% to 2.0%) of defects accepted`."""
    shares = {metric.name: metric for metric in band.expected}
    return (
        ", ".join(
            f"{each.value:.1%}{_interval(each.low, each.high)} {words}"
            for name, words in _OUTCOMES.items()
            if (each := shares.get(name))
        )
        or "not known"
    )


def say_decision(point: "OperatingPoint", reporter: Reporter) -> None:
    """Says the threshold, how it was chosen, and what to expect."""
    reporter.say(f"Threshold: {point.threshold:g} ({point.chosen_by})")
    reporter.say(f"Expected: {describe_expected(point)}")
    if point.review:
        reporter.say(f"With review: {describe_outcomes(point.review)}")


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({low:.1%} to {high:.1%})"
