"""Evaluation of a cross-validation study: each network judges its left-out fold."""

import csv
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    read_share,
)
from capsule_inspect.evaluation.metrics import ClassMetrics, ConfusionMatrix
from capsule_inspect.files import write_csv
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import Metric

OUT_OF_FOLD_FILE = "out_of_fold.csv"


@dataclass(frozen=True)
class OutOfFold:
    """A judgement by a network that was not trained on the picture.

    Attributes:
        judgement: The judgement.
        fold: The fold of the picture.
        seed: The seed of the network and of the folds.
        temperature: Temperature of the operating point, which was chosen on the other folds.
        threshold: Threshold of that point.
        mask_threshold: Mask threshold of that point.
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
        predictions: The predictions, in the order of the rows.
        classes: Class names, `good` first.

    Raises:
        OSError: The file cannot be written.
    """
    write_csv(path, _rows(predictions, classes))


def read_out_of_fold(path: Path) -> tuple[tuple[OutOfFold, ...], tuple[str, ...]]:
    """Reads predictions and class names.

    Raises:
        DataError: The file is missing or damaged, or holds no predictions.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, strict=True)
            classes = classes_of(reader.fieldnames or ())
            predictions = tuple(_read_rows(reader, classes))
    except OSError as error:
        raise DataError(f"'{path}' cannot be read ({error.strerror}).") from error
    except (KeyError, ValueError, TypeError, IndexError, csv.Error) as error:
        place = f" at line {reader.line_num}" if reader.line_num else ""
        raise DataError(
            f"'{path}' is damaged{place} ({error}). Write it again with `capsule-inspect evaluate "
            "STUDY`."
        ) from error
    if not predictions:
        raise DataError(f"'{path}' holds no predictions.")
    return predictions, classes


def _read_rows(rows: Iterable[Mapping[str, str]], classes: tuple[str, ...]) -> Iterator[OutOfFold]:
    """Yields predictions; raises ValueError at the first row that cannot be."""
    seen = set()
    for row in rows:
        temperature = float(row["temperature"])
        if not 0 < temperature < math.inf:
            raise ValueError(f"the temperature {row['temperature']} is not above 0")
        prediction = OutOfFold(
            judgement=read_judgement(row, classes),
            fold=int(row["fold"]),
            seed=int(row["seed"]),
            temperature=temperature,
            threshold=read_share(row["threshold"]),
            mask_threshold=read_share(row["mask_threshold"]),
            model_sha256=row["model_sha256"],
        )
        key = (prediction.seed, prediction.judgement.path)
        if key in seen:
            raise ValueError(f"the picture '{key[1]}' is there twice for the seed {key[0]}")
        seen.add(key)
        yield prediction


def _rows(predictions: Sequence[OutOfFold], classes: Sequence[str]) -> Iterator[list[object]]:
    point = ["temperature", "threshold", "mask_threshold"]
    yield [*judgement_columns(classes), "fold", "seed", *point, "model_sha256"]
    for each in predictions:
        numbers = [each.fold, each.seed, each.temperature, each.threshold, each.mask_threshold]
        yield [*judgement_cells(each.judgement, len(classes)), *numbers, each.model_sha256]


OUT_OF_FOLD = "out of fold"
"""Name of the split of an evaluation in which no network was trained on the pictures it judges."""


@dataclass(frozen=True)
class Fitted:
    """A trained run of a cross-validation.

    Attributes:
        name: Name of the run in messages.
        fold: The left-out fold.
        seed: The seed of the run.
        data: The data set as the run saw it: the left-out fold is the split `test`.
        inspector: The network at its operating point.
        training_data_sha256: SHA-256 that identifies its training pictures.
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
    """The results of a cross-validation.

    Attributes:
        pooled: All seeds together. Metrics and interval ends are means over the seeds: they tell
            what to expect of one network. n counts pictures.
        predictions: One per picture and seed.
        by_seed: The evaluation of each seed, in ascending order of the seeds.
    """

    pooled: Evaluation
    predictions: tuple[OutOfFold, ...]
    by_seed: dict[int, Evaluation]

    @property
    def pictures(self) -> int:
        """The number of pictures; each counts once."""
        return len({each.judgement.path for each in self.predictions})

    @property
    def first_seed(self) -> int:
        """The lowest seed; its judgements are shown where each picture appears once."""
        return min(self.by_seed)

    @property
    def caution(self) -> str:
        """A sentence on classes that no network could learn; empty without any."""
        names = sorted({n for s in self.by_seed for n in unlearned_classes(self.predictions, s)})
        if not names:
            return ""
        return (
            f"All pictures of {', '.join(names)} are in one fold, so the network that judges them "
            "has learned nothing of it: there is no recall, and the accuracy is lower for it."
        )

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
    """Judges every picture by the networks that were not trained on it, and pools the results.

    Args:
        members: A run for every fold and seed, at least one; loaded one at a time.
        advance: Called after each picture and network.

    Raises:
        DataError: A network was trained on other pictures than this data set implies, or does not
            know its classes.
        PictureError: A picture or mask cannot be read.
    """
    predictions: list[OutOfFold] = []
    classes: tuple[str, ...] = ()
    for member in members:
        if member.data.training_sha256 != member.training_data_sha256:
            raise DataError(
                f"{member.name} was trained on other pictures than this data set has for it, so "
                "its left-out fold may hold training pictures. Give the data set of the study."
            )
        classes = member.inspector.classes
        predictions += [
            _out_of_fold(member, judgement)
            for judgement in evaluate(member.data, "test", member.inspector, advance).judgements
        ]
    return pool_predictions(predictions, classes)


def pool_predictions(predictions: Sequence[OutOfFold], classes: tuple[str, ...]) -> CrossValidation:
    """Measures out-of-fold predictions.

    Args:
        predictions: One per picture and seed, at least one.
        classes: Class names, `good` first.
    """
    by_seed = {
        seed: _without_recall_of(
            summarize(OUT_OF_FOLD, classes, _of_seed(predictions, seed)),
            unlearned_classes(predictions, seed),
        )
        for seed in sorted({each.seed for each in predictions})
    }
    pooled = pool(tuple(by_seed.values()))
    return CrossValidation(pooled, tuple(predictions), by_seed)


def unlearned_classes(predictions: Iterable[OutOfFold], seed: int) -> tuple[str, ...]:
    """Returns the classes, sorted, of which no network that judges them has learned anything.

    All their pictures are in one fold, so none was left to learn from.

    Args:
        predictions: One per picture and seed.
        seed: The seed whose folds count.
    """
    folds: dict[str, set[int]] = {}
    for each in predictions:
        if each.seed == seed:
            folds.setdefault(each.judgement.truth, set()).add(each.fold)
    if len(set().union(*folds.values())) == 1:
        return ()
    return tuple(sorted(name for name, of_class in folds.items() if len(of_class) == 1))


def _without_recall_of(evaluation: Evaluation, unlearned: Sequence[str]) -> Evaluation:
    """Leaves out the recall of classes that a network cannot know; it would always be 0."""
    per_class = tuple(
        replace(each, metrics=tuple(m for m in each.metrics if m.name != "recall"))
        if each.name in unlearned
        else each
        for each in evaluation.per_class
    )
    return replace(evaluation, per_class=per_class)


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
    """Pools evaluations of the same pictures by several networks.

    Metrics and interval ends are averaged, judgements concatenated, confusion matrices added.

    Args:
        evaluations: One for each seed, at least one.
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
    """Averages metrics and their interval ends by name.

    Args:
        measured: The metrics of each seed, on the same pictures; seeds that lack a metric do not
            count for it.
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
