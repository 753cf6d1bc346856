"""Evaluate a study, each network on the fold it has not seen."""

import csv
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import DataError
from capsule_inspect.evaluation.evaluate import Evaluation, evaluate, summarize
from capsule_inspect.evaluation.judge import (
    Judgement,
    classes_of,
    judgement_cells,
    judgement_columns,
    read_judgement,
)
from capsule_inspect.evaluation.metrics import ClassMetrics, ConfusionMatrix
from capsule_inspect.files import write_csv
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import Metric

OUT_OF_FOLD_FILE = "out_of_fold.csv"


@dataclass(frozen=True)
class OutOfFold:
    """A judgement by a network that has not seen the picture.

    Attributes:
        judgement: The judgement.
        fold: The fold of the picture.
        seed: The seed of the network, which dealt the folds, too.
        temperature: Of the network's operating point, which other folds chose.
        threshold: The same.
        mask_threshold: The same.
        model_sha256: SHA-256 of the network's file.
    """

    judgement: Judgement
    fold: int
    seed: int
    temperature: float
    threshold: float
    mask_threshold: float
    model_sha256: str


def write_out_of_fold(path: Path, predictions: Sequence[OutOfFold], classes: Sequence[str]) -> None:
    """Writes one row per prediction.

    Args:
        path: The file; its folder exists.
        predictions: In the order of the rows.
        classes: Class names, `good` first.

    Raises:
        OSError: The file cannot be written.
    """
    write_csv(path, _rows(predictions, classes))


def read_out_of_fold(path: Path) -> tuple[tuple[OutOfFold, ...], tuple[str, ...]]:
    """Reads the predictions, and the class names.

    Raises:
        DataError: The file is missing or damaged, or holds no predictions.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, strict=True)
            classes = classes_of(reader.fieldnames or ())
            predictions = tuple(
                OutOfFold(
                    judgement=read_judgement(row, classes),
                    fold=int(row["fold"]),
                    seed=int(row["seed"]),
                    temperature=float(row["temperature"]),
                    threshold=float(row["threshold"]),
                    mask_threshold=float(row["mask_threshold"]),
                    model_sha256=row["model_sha256"],
                )
                for row in reader
            )
    except OSError as error:
        raise DataError(f"'{path}' cannot be read ({error.strerror}).") from error
    except (KeyError, ValueError, TypeError, IndexError, csv.Error) as error:
        raise DataError(
            f"'{path}' is damaged ({error}). Write it again with `capsule-inspect evaluate STUDY`."
        ) from error
    if not predictions:
        raise DataError(f"'{path}' holds no predictions.")
    return predictions, classes


def _rows(predictions: Sequence[OutOfFold], classes: Sequence[str]) -> Iterator[list[object]]:
    point = ["temperature", "threshold", "mask_threshold"]
    yield [*judgement_columns(classes), "fold", "seed", *point, "model_sha256"]
    for each in predictions:
        numbers = [each.fold, each.seed, each.temperature, each.threshold, each.mask_threshold]
        yield [*judgement_cells(each.judgement, len(classes)), *numbers, each.model_sha256]


OUT_OF_FOLD = "out of fold"
"""Stands for the split where every picture is judged by a network that has not seen it."""


@dataclass(frozen=True)
class Fitted:
    """A trained run of a cross-validation.

    Attributes:
        name: What messages call it.
        fold: The fold it has not seen.
        seed: Its seed.
        data: The data set as it saw it: its fold is the split `test`.
        inspector: The network and its operating point.
        training_data_sha256: Identifies the pictures it was trained on.
        model_sha256: SHA-256 of the network's file.
    """

    name: str
    fold: int
    seed: int
    data: DataSet
    inspector: Inspector
    training_data_sha256: str
    model_sha256: str


@dataclass(frozen=True)
class CrossValidation:
    """How the networks of a cross-validation did.

    Attributes:
        pooled: All seeds together. Its metrics are means over the seeds, and so are the ends of
            their intervals: they say what to expect of one network, and n is pictures.
        predictions: One per picture and seed.
        by_seed: The evaluation of each seed, by seed, in ascending order.
    """

    pooled: Evaluation
    predictions: tuple[OutOfFold, ...]
    by_seed: dict[int, Evaluation]

    @property
    def pictures(self) -> int:
        """The number of pictures, however often each was judged."""
        return len({each.judgement.path for each in self.predictions})

    @property
    def first_seed(self) -> int:
        """The seed whose judgements stand where there can be but one of each picture."""
        return min(self.by_seed)

    @property
    def shown(self) -> Evaluation:
        """The pooled metrics, with the judgements and the confusion matrix of the first seed."""
        first = self.by_seed[self.first_seed]
        return replace(self.pooled, judgements=first.judgements, confusion=first.confusion, seeds=1)

    @property
    def spread(self) -> dict[str, float]:
        """The standard deviation of each metric over the seeds; empty with one seed."""
        if len(self.by_seed) < 2:
            return {}
        groups = _by_name([evaluation.metrics for evaluation in self.by_seed.values()])
        return {name: statistics.stdev(m.value for m in group) for name, group in groups.items()}


def cross_validate(
    members: Iterable[Fitted], advance: Callable[[], None] = lambda: None
) -> CrossValidation:
    """Judges every picture by the networks that have not seen it, and pools.

    Args:
        members: Runs for every fold and seed, at least one; taken one at a time.
        advance: Called after each picture and network.

    Raises:
        DataError: A network was trained on other pictures than the data set says, so that what it
            has not seen is not known; or it does not know the classes.
        PictureError: A picture or mask cannot be read.
    """
    predictions: list[OutOfFold] = []
    classes: tuple[str, ...] = ()
    for member in members:
        if member.data.training_sha256 != member.training_data_sha256:
            raise DataError(
                f"{member.name} was trained on other pictures than this data set gives it, so that "
                "its fold may hold pictures it has seen. Give the data set of the study."
            )
        classes = member.inspector.classes
        predictions += [
            _out_of_fold(member, judgement)
            for judgement in evaluate(member.data, "test", member.inspector, advance).judgements
        ]
    return pool_predictions(predictions, classes)


def pool_predictions(predictions: Sequence[OutOfFold], classes: tuple[str, ...]) -> CrossValidation:
    """Measures what networks said of pictures that they have not seen.

    Args:
        predictions: One per picture and seed, at least one.
        classes: Class names, `good` first.
    """
    by_seed = {
        seed: summarize(OUT_OF_FOLD, classes, _of_seed(predictions, seed))
        for seed in sorted({each.seed for each in predictions})
    }
    pooled = pool(tuple(by_seed.values()))
    return CrossValidation(pooled, tuple(predictions), by_seed)


def _out_of_fold(member: Fitted, judgement: Judgement) -> OutOfFold:
    point = member.inspector.point
    return OutOfFold(
        judgement=judgement,
        fold=member.fold,
        seed=member.seed,
        temperature=point.temperature,
        threshold=point.threshold,
        mask_threshold=point.mask_threshold,
        model_sha256=member.model_sha256,
    )


def pool(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Puts evaluations of the same pictures by several networks together.

    Args:
        evaluations: One of each seed, at least one. Metrics, and the ends of their intervals, are
            averaged; judgements are put one after the other, and confusion matrices added up.
    """
    first = evaluations[0]
    per_class = [
        ClassMetrics(
            each.name, each.n, mean_metrics([e.per_class[place].metrics for e in evaluations])
        )
        for place, each in enumerate(first.per_class)
    ]
    tables = [evaluation.confusion.counts for evaluation in evaluations]
    counts = tuple(
        tuple(sum(cells) for cells in zip(*rows, strict=True)) for rows in zip(*tables, strict=True)
    )
    return Evaluation(
        split=first.split,
        classes=first.classes,
        judgements=tuple(each for e in evaluations for each in e.judgements),
        metrics=mean_metrics([evaluation.metrics for evaluation in evaluations]),
        per_class=tuple(per_class),
        confusion=ConfusionMatrix(first.confusion.rows, first.confusion.columns, counts),
        seeds=len(evaluations),
    )


def _of_seed(predictions: Iterable[OutOfFold], seed: int) -> tuple[Judgement, ...]:
    judgements = [each.judgement for each in predictions if each.seed == seed]
    return tuple(sorted(judgements, key=lambda judgement: judgement.path))


def mean_metrics(measured: Sequence[tuple[Metric, ...]]) -> tuple[Metric, ...]:
    """Averages metrics of the same pictures by name, and the ends of their intervals.

    Args:
        measured: The metrics of each seed; one that a seed lacks is averaged over the others.
    """
    return tuple(
        Metric(
            name,
            statistics.fmean(metric.value for metric in group),
            max(metric.n for metric in group),
            _mean_end([metric.low for metric in group]),
            _mean_end([metric.high for metric in group]),
        )
        for name, group in _by_name(measured).items()
    )


def _mean_end(ends: Sequence[float | None]) -> float | None:
    known = [end for end in ends if end is not None]
    return statistics.fmean(known) if known else None


def _by_name(measured: Iterable[tuple[Metric, ...]]) -> dict[str, list[Metric]]:
    groups: dict[str, list[Metric]] = {}
    for metrics in measured:
        for metric in metrics:
            groups.setdefault(metric.name, []).append(metric)
    return groups
