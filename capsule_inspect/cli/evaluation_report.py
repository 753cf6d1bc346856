"""Writing the page of an evaluation."""

from collections.abc import Callable, Mapping
from pathlib import Path

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.evaluation.cross_validation import CrossValidation
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.pages.evaluation_page import REPORT_FILE, make_evaluation_page
from capsule_inspect.pages.illustrate import illustrate
from capsule_inspect.replacing import replace_text


def report_evaluation(
    folder: Path, evaluation: Evaluation, data: DataSet, inspector: Inspector, model: Path
) -> None:
    """Writes the page of one model's evaluation.

    Args:
        folder: Of the results.
        evaluation: What was measured.
        data: The data set.
        inspector: The model.
        model: Its file, for people.
    """
    pictures = f"{len(evaluation.judgements)} pictures of the split '{evaluation.split}'"
    about = f"{model} on {pictures}, at the threshold {inspector.point.threshold:.3g}."
    _write(folder, evaluation, f"{model.name}: {pictures}", about, data, lambda _: inspector)


def report_study(
    folder: Path,
    measured: CrossValidation,
    data: DataSet,
    inspectors: Mapping[int, Inspector],
    name: str,
) -> None:
    """Writes the page of a cross-validation.

    Args:
        folder: Of the results.
        measured: What was measured.
        data: The data set.
        inspectors: The network of each fold, of the first seed.
        name: Of the study, for people.
    """
    seed = measured.first_seed
    folds = {each.judgement.path: each.fold for each in measured.predictions if each.seed == seed}
    about = (
        "Each picture is judged by the network that has not seen it, at thresholds chosen on "
        "other folds."
    )
    if len(measured.by_seed) > 1:
        about += (
            f" Metrics are means over {len(measured.by_seed)} seeds; charts, the "
            f"confusion matrix and pictures are of seed {seed}."
        )
    title = f"{name}: {measured.pictures} pictures, out of fold"
    _write(
        folder,
        measured.shown,
        title,
        about,
        data,
        lambda judgement: inspectors[folds[judgement.path]],
    )


def results_sentence(folder: Path) -> str:
    """Says where the results are, and what to open first."""
    return (
        f"Results: {(folder / REPORT_FILE).resolve()}, to open in a browser; metrics.json, "
        "predictions and figures are beside it."
    )


def _write(
    folder: Path,
    evaluation: Evaluation,
    title: str,
    about: str,
    data: DataSet,
    inspector_of: Callable[[Judgement], Inspector],
) -> None:
    samples = {sample.path: sample for sample in data.samples}
    page = make_evaluation_page(
        evaluation,
        title,
        about,
        lambda judgement: illustrate(data, samples[judgement.path], inspector_of(judgement)),
    )
    replace_text(folder / REPORT_FILE, page)
