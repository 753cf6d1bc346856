"""The folder that `evaluate` writes to."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect import __version__
from capsule_inspect.errors import UsageError
from capsule_inspect.evaluation.agreement import Agreement, Pair
from capsule_inspect.evaluation.cross_validation import (
    OUT_OF_FOLD_FILE,
    CrossValidation,
    write_out_of_fold,
)
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.inspectors import EVERYONE, MODEL
from capsule_inspect.evaluation.judge import judgement_cells, judgement_columns
from capsule_inspect.files import write_csv, write_json
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint

METRICS_FILE = "metrics.json"
PICTURES_FILE = "pictures.csv"
AGREEMENT_FILE = "agreement.csv"
RATES_FILE = "rates.csv"
DETECTION_FILE = "detection.csv"
AGREEMENT_PAGE = "agreement.html"
COMPARISON_FILES = (AGREEMENT_FILE, RATES_FILE, DETECTION_FILE, AGREEMENT_PAGE)
"""The files of a comparison with inspectors."""


def clear_evaluation(folder: Path) -> None:
    """Deletes the files of an evaluation in a folder, and nothing else.

    Raises:
        UsageError: The folder holds something, but no evaluation.
    """
    files = [folder / name for name in (METRICS_FILE, PICTURES_FILE, OUT_OF_FOLD_FILE)]
    if not files[0].is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"'{folder}' holds no evaluation to overwrite. Name another folder.")
        return
    # The figures last: as long as they are there, the folder can be cleared again.
    for file in (*(folder / name for name in _BESIDE), *reversed(files)):
        file.unlink(missing_ok=True)


_BESIDE = ("config.yaml", "environment.json", "report.html", *COMPARISON_FILES)


def write_evaluation(
    folder: Path,
    evaluation: Evaluation,
    model: Path,
    model_sha256: str,
    caution: str = "",
    about_parts: str = "",
    outcomes: Sequence[Metric] = (),
) -> None:
    """Writes metrics.json and pictures.csv.

    Args:
        folder: An existing folder.
        evaluation: The evaluation.
        model: The path of the model, as people know it.
        model_sha256: SHA-256 of its file.
        caution: A sentence if the model may have seen the pictures it is measured on, else empty.
        about_parts: A sentence if pictures share parts, else empty.
        outcomes: The share of pictures with each outcome, for a model with a review band.

    Raises:
        OSError: A file cannot be written.
    """
    facts: dict[str, object] = {
        "model": str(model),
        "model_sha256": model_sha256,
        "n": len(evaluation.judgements),
        "trained_on_this_split": not caution,
        "caution": " ".join(filter(None, (caution, about_parts))),
    }
    if outcomes:
        facts["outcomes"] = _as_dicts(outcomes)
    write_json(folder / METRICS_FILE, {**_document(evaluation), **facts})
    write_csv(folder / PICTURES_FILE, _rows(evaluation, model_sha256))


@dataclass(frozen=True)
class StudyFacts:
    """Facts of a measured study. They also hold for a network trained on all its pictures.

    Attributes:
        study: The folder of the study.
        file: The name of the model file that was measured in each run.
        point: The operating point chosen on all folds.
        pictures_sha256: Identifies the pictures.
        measured_on: How they were measured, in words.
    """

    study: Path
    file: str
    point: OperatingPoint
    pictures_sha256: str
    measured_on: str


def write_cross_validation(folder: Path, measured: CrossValidation, facts: StudyFacts) -> None:
    """Writes metrics.json, with pooled metrics and those of each seed, and out_of_fold.csv.

    Args:
        folder: An existing folder.
        measured: The cross-validation.
        facts: The study.

    Raises:
        OSError: A file cannot be written.
    """
    pooled = measured.pooled
    document = {
        **_document(pooled),
        "study": str(facts.study),
        "file": facts.file,
        "n": measured.pictures,
        "measured_on": facts.measured_on,
        "pictures_sha256": facts.pictures_sha256,
        "operating_point": facts.point.to_document(),
        "spread": measured.spread,
        "by_seed": [
            {"seed": seed, "metrics": _as_dicts(evaluation.metrics)}
            for seed, evaluation in measured.by_seed.items()
        ],
    }
    write_json(folder / METRICS_FILE, document)
    write_out_of_fold(folder / OUT_OF_FOLD_FILE, measured.predictions, pooled.classes)


def _document(evaluation: Evaluation) -> dict[str, object]:
    return {
        "split": evaluation.split,
        "metrics": _as_dicts(evaluation.metrics),
        "per_class": [dataclasses.asdict(each) for each in evaluation.per_class],
        "confusion": dataclasses.asdict(evaluation.confusion),
        "tool_version": __version__,
    }


def _as_dicts(metrics: Iterable[Metric]) -> list[dict[str, object]]:
    return [dataclasses.asdict(metric) for metric in metrics]


def _rows(evaluation: Evaluation, model_sha256: str) -> Iterator[list[object]]:
    yield [*judgement_columns(evaluation.classes), "model_sha256"]
    for each in evaluation.judgements:
        yield [*judgement_cells(each, len(evaluation.classes)), model_sha256]


def write_agreement(folder: Path, agreement: Agreement) -> None:
    """Writes agreement.csv, rates.csv and detection.csv.

    Args:
        folder: An existing folder.
        agreement: The comparison of the model with inspectors.

    Raises:
        OSError: A file cannot be written.
    """
    write_csv(folder / AGREEMENT_FILE, _pair_rows((*agreement.pairs, *agreement.repeats)))
    write_csv(folder / RATES_FILE, _rate_rows(agreement))
    write_csv(folder / DETECTION_FILE, _detection_rows(agreement))


def _pair_rows(pairs: Iterable[Pair]) -> Iterator[list[object]]:
    ends = ["agreement_low", "agreement_high", "kappa", "kappa_low", "kappa_high"]
    yield ["rater_1", "rater_2", "kind", "class", "n", "agreement", *ends]
    for each in pairs:
        share, kappa = each.agreement, each.kappa
        yield [
            *(each.first, each.second, each.kind, each.of_class),
            *(share.n, share.value, share.low, share.high),
            *((kappa.value, kappa.low, kappa.high) if kappa else (None, None, None)),
        ]


def _rate_rows(agreement: Agreement) -> Iterator[list[object]]:
    yield ["rater", "class", "metric", "n", "value", "low", "high"]
    for rater in agreement.raters:
        for name, metrics in (
            ("", rater.metrics),
            *((each.name, each.metrics) for each in rater.per_class),
        ):
            for each in metrics:
                yield [rater.name, name, each.name, each.n, each.value, each.low, each.high]
    for zone in agreement.zones:
        if zone.model:
            share = zone.model
            yield [EVERYONE, "", share.name, share.n, zone.people, None, None]
            yield [MODEL, "", share.name, share.n, share.value, share.low, share.high]


def _detection_rows(agreement: Agreement) -> Iterator[list[object]]:
    of_model = ["model_label", "model_score", "model_rejects"]
    yield ["image", "truth", "verdicts", "defective", "probability", "zone", *of_model]
    for each in agreement.detections:
        yield [
            *(each.path, each.truth, each.verdicts, each.defective, each.probability, each.zone),
            *(each.label, each.score, int(each.model_rejects)),
        ]
