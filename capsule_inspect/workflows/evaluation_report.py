"""The page of an evaluation: what was measured, and the pictures behind it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.evaluation.cross_validation import CrossValidation
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.shared_parts import caution_of_parts
from capsule_inspect.files import write_text
from capsule_inspect.inference.inspector import Inspector


def report_evaluation(
    folder: Path,
    evaluation: Evaluation,
    data: DataSet,
    inspector: Inspector,
    model: Path,
    cautious: str = "",
) -> Path:
    """Writes the page of one model's evaluation; returns its path.

    Args:
        folder: The results folder.
        evaluation: The evaluation.
        data: The data set.
        inspector: The model.
        model: Its file, for people.
        cautious: A sentence if the model may have seen the pictures in its training, else empty.
    """
    pictures = f"{len(evaluation.judgements)} pictures of the split '{evaluation.split}'"
    about = f"{model} on {pictures}, at the threshold {inspector.point.threshold:.3g}. {cautious}"
    return _write(folder, evaluation, f"{model.name}: {pictures}", about, data, lambda _: inspector)


def report_study(
    folder: Path,
    measured: CrossValidation,
    data: DataSet,
    inspectors: Mapping[int, Inspector],
    name: str,
) -> Path:
    """Writes the page of a cross-validation; returns its path.

    Args:
        folder: The results folder.
        measured: The cross-validation.
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
    about += f" {measured.caution}" if measured.caution else ""
    title = f"{name}: {measured.pictures} pictures, out of fold"
    return _write(
        folder,
        measured.shown,
        title,
        about,
        data,
        lambda judgement: inspectors[folds[judgement.path]],
    )


def _write(
    folder: Path,
    evaluation: Evaluation,
    title: str,
    about: str,
    data: DataSet,
    inspector_of: Callable[[Judgement], Inspector],
) -> Path:
    # Jinja and scikit-learn take half a second.
    from capsule_inspect.pages.evaluation_page import REPORT_FILE, make_evaluation_page
    from capsule_inspect.pages.pictures import illustrate

    samples = {sample.path: sample for sample in data.samples}
    measured = {samples[judgement.path] for judgement in evaluation.judgements}
    page = make_evaluation_page(
        evaluation,
        title,
        f"{about} {caution_of_parts(measured)}".strip(),
        lambda judgement: illustrate(data, samples[judgement.path], inspector_of(judgement)),
        {each.path: inspector_of(each).point.threshold for each in evaluation.judgements},
    )
    write_text(folder / REPORT_FILE, page)
    return folder / REPORT_FILE
