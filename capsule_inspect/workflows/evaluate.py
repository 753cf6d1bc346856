"""Evaluate a model, a study or stored predictions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.choices import RuntimeName
from capsule_inspect.cli.console import say, warn, watch_pictures
from capsule_inspect.cli.tables import print_evaluation
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.evaluation.cross_validation import (
    OUT_OF_FOLD_FILE,
    CrossValidation,
    Fitted,
    cross_validate,
    pool_predictions,
    read_out_of_fold,
)
from capsule_inspect.evaluation.evaluate import Evaluation, choose_samples, evaluate
from capsule_inspect.evaluation.evaluation_folder import (
    StudyFacts,
    write_cross_validation,
    write_evaluation,
)
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.files import write_text
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import Metric
from capsule_inspect.pages.evaluation_page import REPORT_FILE, make_evaluation_page
from capsule_inspect.pages.pictures import illustrate
from capsule_inspect.runs.environment import look_around, write_environment
from capsule_inspect.runs.run_folder import RunFolder, model_name, new_run_folder
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.yaml_text import to_yaml
from capsule_inspect.text import command_line, mask_passwords
from capsule_inspect.training.decision import read_decision
from capsule_inspect.training.study import CrossValidationRun, Member, model_files, require_finished
from capsule_inspect.workflows.models import load_model


@dataclass(frozen=True)
class EvaluationRequest:
    """What to measure, on what, and where the results go.

    Attributes:
        model: A model file, or the folder of a run or study.
        data: The data set to measure on.
        out: The folder to make; by default `runs/evaluate/<time>-<model>/`.
        settings: All settings.
        overrides: Those given on the command line.
        runtime: What executes a `.tflite` file.
    """

    model: Path
    data: "DataSet"
    out: Path | None
    settings: "Settings"
    overrides: tuple[str, ...]
    runtime: RuntimeName


def begin_evaluation(request: EvaluationRequest, settings: Settings) -> Path:
    """Makes the folder of an evaluation, and writes there what it is made with.

    Args:
        request: What was asked for.
        settings: What config.yaml gets, passwords masked: those of a study are its own, against
            which `export-tflite` holds those of a network trained on all pictures.

    Returns:
        The folder.

    Raises:
        UsageError: It cannot be made.
    """
    folder = new_run_folder("evaluate", model_name(request.model), request.out)
    write_text(RunFolder(folder).config, mask_passwords(to_yaml(settings)))
    write_environment(folder, look_around("evaluate", request.overrides, request.data))
    return folder


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
        f"Results: {(folder / REPORT_FILE).resolve()}, to open in a browser; metrics.json "
        "and predictions are beside it."
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
    write_text(folder / REPORT_FILE, page)


def evaluate_model(request: EvaluationRequest, split: str) -> tuple[Metric, ...]:
    """Measures a model, prints what came of it, writes the results folder; returns the metrics.

    Args:
        request: Its model is a file or the folder of a run.
        split: `train`, `val`, `test` or `all`.

    Raises:
        CapsuleInspectError: The model or a picture cannot be read, the split is empty or unknown,
            or the folder cannot be made.
    """
    model, data = request.model, request.data
    file = RunFolder(model).model if model.is_dir() else model
    loaded = load_model(file, request.runtime, request.settings.predict.threads)
    samples = choose_samples(data, split)
    as_trained = data.training_sha256 == loaded.training_data_sha256
    if not as_trained:
        warn(
            "The model was trained on another split of pictures than this data set's: it may have "
            "seen some that it is measured on."
        )
    folder = begin_evaluation(request, request.settings)
    with watch_pictures(len(samples), "Evaluating") as advance:
        measured = evaluate(data, split, loaded.inspector, advance)
    write_evaluation(folder, measured, file, loaded.sha256, as_trained)
    print_evaluation(measured, f"the {len(samples)} pictures of the split '{split}'")
    report_evaluation(folder, measured, data, loaded.inspector, file)
    if file.suffix == ".tflite":
        following = command_line("predict", "PICTURES", "--model", model, "-o", "out")
    else:
        following = command_line("export-tflite", model, f"data.dir={request.settings.data.dir}")
    say(f"{results_sentence(folder)} Next: {following}")
    return measured.metrics


def find_stored_predictions(model: Path) -> Path | None:
    """Returns the stored predictions that a path stands for: the file, or a folder with one."""
    file = model / OUT_OF_FOLD_FILE if model.is_dir() else model
    return file if file.suffix == ".csv" and file.is_file() else None


def evaluate_stored(file: Path) -> tuple[Metric, ...]:
    """Measures stored predictions, prints what came of it, and returns the metrics.

    Raises:
        DataError: The file cannot be read or is no `out_of_fold.csv`.
    """
    measured = pool_predictions(*read_out_of_fold(file))
    pictures = f"{measured.pictures} pictures, as {file} has them"
    print_evaluation(measured.pooled, pictures, measured.spread)
    return measured.pooled.metrics


def evaluate_study(request: EvaluationRequest, study: CrossValidationRun) -> tuple[Metric, ...]:
    """Measures a study, prints what came of it, writes the results folder; returns pooled metrics.

    Args:
        request: What was asked for.
        study: The study that its model names.

    Raises:
        CapsuleInspectError: Runs are not finished, were trained on other pictures, or a model or
            picture cannot be read; or the folder cannot be made.
    """
    require_finished(study)
    files = model_files(study.members)
    folder = begin_evaluation(request, study.settings)
    train, count, file = study.settings.train, len(request.data.samples), files[0].name
    inspectors: dict[int, Inspector] = {}  # by fold, of the seed whose pictures the page shows

    def load_members() -> Iterator[Fitted]:
        for member, path in zip(study.members, files, strict=True):
            fitted = _load_member(request, study, member, path)
            if member.seed == train.seed:
                inspectors[member.fold] = fitted.inspector
            yield fitted

    with watch_pictures(count * train.seeds, "Evaluating") as advance:
        measured = cross_validate(load_members(), advance)
    write_cross_validation(folder, measured, _facts(request, study, file))
    networks = "network that has" if train.seeds == 1 else f"{train.seeds} networks that have"
    pictures = f"the {count} pictures, each by the {networks} not seen it ({file})"
    print_evaluation(measured.pooled, pictures, measured.spread)
    report_study(folder, measured, request.data, inspectors, study.path.name)
    say(results_sentence(folder))
    return measured.pooled.metrics


def _load_member(
    request: EvaluationRequest, study: CrossValidationRun, member: Member, file: Path
) -> Fitted:
    loaded = load_model(file, request.runtime, request.settings.predict.threads)
    return Fitted(
        name=member.run.path.name,
        fold=member.fold,
        seed=member.seed,
        data=study.view(request.data, member),
        inspector=loaded.inspector,
        training_data_sha256=loaded.training_data_sha256,
        model_sha256=loaded.sha256,
    )


def _facts(request: EvaluationRequest, study: CrossValidationRun, file: str) -> StudyFacts:
    return StudyFacts(
        study=study.path,
        file=file,
        point=read_decision(RunFolder(study.path).decision).operating_point,
        pictures_sha256=request.data.pictures_sha256,
        measured_on=(
            f"{len(request.data.samples)} pictures, each by the {file} of "
            f"{study.settings.train.folds}-fold cross-validation that has not seen it"
        ),
    )
