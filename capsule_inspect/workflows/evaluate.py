"""Evaluate a model, a study or stored predictions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from capsule_inspect.choices import DEFAULT_RUNTIME, RuntimeName
from capsule_inspect.dataset.data_set import DataSet, as_known_to, read_dataset
from capsule_inspect.errors import UsageError
from capsule_inspect.evaluation.cross_validation import (
    OUT_OF_FOLD_FILE,
    CrossValidation,
    Fitted,
    cross_validate,
    pool_predictions,
    read_out_of_fold,
)
from capsule_inspect.evaluation.evaluate import (
    Evaluation,
    choose_samples,
    require_known_classes,
)
from capsule_inspect.evaluation.evaluate import evaluate as evaluate_split
from capsule_inspect.evaluation.evaluation_folder import (
    StudyFacts,
    clear_evaluation,
    write_cross_validation,
    write_evaluation,
)
from capsule_inspect.evaluation.review_band import estimate_outcomes, sort_judgements
from capsule_inspect.evaluation.seen_in_training import caution
from capsule_inspect.evaluation.shared_parts import caution_of_parts
from capsule_inspect.files import StrPath, write_text
from capsule_inspect.modelfile.metadata import Metric
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.runs.environment import look_around, write_environment
from capsule_inspect.runs.run_folder import RunFolder, model_name, new_run_folder
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.yaml_text import to_yaml
from capsule_inspect.text import mask_passwords
from capsule_inspect.training.decision import read_decision
from capsule_inspect.training.study import (
    CrossValidationRun,
    Member,
    model_files,
    open_study,
    require_finished,
)
from capsule_inspect.workflows.agreement import (
    Comparison,
    compare_stored,
    compare_with_inspectors,
    verdicts_on,
)
from capsule_inspect.workflows.arguments import (
    all_overrides,
    as_output,
    compose_for_model,
    options_of,
)
from capsule_inspect.workflows.evaluation_report import report_evaluation, report_study
from capsule_inspect.workflows.extras import require_train_extra
from capsule_inspect.workflows.models import load_model

if TYPE_CHECKING:
    from capsule_inspect.inference.inspector import Inspector


@dataclass(frozen=True)
class EvaluateResult:
    """The metrics of a model, a study or stored predictions.

    Attributes:
        evaluation: The metrics, those of each class and the confusion matrix; of a study all
            networks together.
        pictures: The pictures that were measured, in words.
        threshold: What decided between good and defective, and how it was chosen, in words.
        caution: A sentence if the figures are not what they seem, else empty: the model may have
            seen the pictures in its training, or never have learned a class.
        spread: Standard deviation over seeds by metric name; empty with one seed.
        file: The model file that was measured; None for a study or stored predictions.
        data: The data set folder; None for stored predictions.
        folder: The results folder; None for stored predictions, which are only read.
        report: The page to look through, in that folder.
        comparison: The model beside human inspectors, if there are any.
        outcomes: The share of good and of defective pictures with each outcome; empty for a model
            without a review band, a study and stored predictions.
    """

    evaluation: Evaluation
    pictures: str
    threshold: str
    caution: str = ""
    spread: Mapping[str, float] = field(default_factory=dict)
    file: Path | None = None
    data: Path | None = None
    folder: Path | None = None
    report: Path | None = None
    comparison: Comparison | None = None
    outcomes: tuple[Metric, ...] = ()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric the pictures allow, with its interval."""
        return self.evaluation.metrics


def evaluate(  # noqa: PLR0913  (each choice is a parameter)
    model: StrPath,
    data: StrPath | None = None,
    *,
    split: str | None = None,
    out: StrPath | None = None,
    overwrite: bool = False,
    against: StrPath | None = None,
    runtime: RuntimeName = DEFAULT_RUNTIME,
    data_root: StrPath | None = None,
    overrides: Sequence[str] = (),
    config_dir: StrPath | None = None,
    reporter: Reporter = SILENT,
) -> EvaluateResult:
    """Measures a model, a study or stored predictions.

    Args:
        model: A `.tflite` or `.keras` file, the folder of a run or study, or an out_of_fold.csv.
        data: The data set folder; by default that of the run, if the model is of one, else the
            setting data.dir.
        split: `train`, `val`, `test` (the default) or `all`; not for a study.
        out: The folder to make; by default `runs/evaluate/<time>-<model>/`.
        overwrite: Replace the evaluation in that folder.
        against: A CSV file with the verdicts of human inspectors, to compare the model with.
        runtime: What executes a `.tflite` file.
        data_root: The folder of the pictures, if they have moved.
        overrides: Settings to change, such as `predict.threads=2`.
        config_dir: A folder of your own config groups.
        reporter: Follows the progress.

    Raises:
        CapsuleInspectError: A package is missing; settings, model, data set or folder cannot be
            used; or runs of a study are not finished.
    """
    options = options_of(data=data, data_root=data_root)
    settings = compose_for_model(Path(model), overrides, config_dir, options, reporter)
    require_train_extra("evaluate", ("sklearn",))
    path = Path(model)
    reporter.say(f"Measuring {path}.")
    if stored := find_stored_predictions(path):
        if split or (out and not against):
            raise UsageError(f"'{stored}' is only read: leave --split and --out away.")
        return evaluate_stored(stored, against, as_output(out), overwrite)
    read = read_dataset(Path(settings.data.dir), settings.data.root)
    given = all_overrides(overrides, options)
    request = EvaluationRequest(path, read, as_output(out), settings, given, runtime, overwrite)
    study = open_study(path)
    if path.is_dir() and open_study(path.parent):
        raise UsageError(
            f"'{path}' is one run of a study, whose own test pictures are those of its fold. "
            f"Evaluate the study: capsule-inspect evaluate {path.parent}"
        )
    if study and split:
        raise UsageError("A study is measured on the folds its runs have not seen. Leave --split.")
    split = split or "test"
    verdicts = verdicts_on(read, read.samples if study else choose_samples(read, split), against)
    if study:
        result = evaluate_study(request, study, reporter)
    else:
        result = evaluate_model(request, split, reporter)
    if not verdicts or result.folder is None:
        return result
    compared = compare_with_inspectors(
        result.evaluation, verdicts, result.folder, path, result.caution
    )
    return replace(result, comparison=compared)


@dataclass(frozen=True)
class EvaluationRequest:
    """The inputs of one evaluation.

    Attributes:
        model: A model file, or the folder of a run or study.
        data: The data set to measure on.
        out: The folder to make; by default `runs/evaluate/<time>-<model>/`.
        settings: All settings.
        overrides: Those that were given.
        runtime: What executes a `.tflite` file.
        overwrite: Whether to replace the evaluation in `out`.
    """

    model: Path
    data: DataSet
    out: Path | None
    settings: Settings
    overrides: tuple[str, ...]
    runtime: RuntimeName
    overwrite: bool = False


def find_stored_predictions(model: Path) -> Path | None:
    """Returns the file of stored predictions that a path names, or that a folder holds, if any."""
    file = model / OUT_OF_FOLD_FILE if model.is_dir() else model
    return file if file.suffix == ".csv" and file.is_file() else None


def evaluate_stored(
    file: Path,
    against: StrPath | None = None,
    out: Path | None = None,
    overwrite: bool = False,
) -> EvaluateResult:
    """Measures stored predictions.

    Args:
        file: An `out_of_fold.csv`.
        against: A CSV file with the verdicts of human inspectors, to compare the model with.
        out: The folder of the comparison; by default that of the file.
        overwrite: Replace the comparison in that folder.

    Raises:
        CapsuleInspectError: A file cannot be read or is none of those, or the folder cannot be
            used.
    """
    measured = pool_predictions(*read_out_of_fold(file))
    pictures = f"{measured.pictures} pictures, as {file} has them"
    result = EvaluateResult(
        evaluation=measured.pooled,
        pictures=pictures,
        threshold=_describe_thresholds(measured),
        caution=measured.caution,
        spread=measured.spread,
    )
    if against is None:
        return result
    compared = compare_stored(measured, Path(against), out or file.parent, file, overwrite)
    return replace(result, comparison=compared)


def evaluate_model(request: EvaluationRequest, split: str, reporter: Reporter) -> EvaluateResult:
    """Measures a model and writes the results folder.

    Args:
        request: Its model is a file or the folder of a run.
        split: `train`, `val`, `test` or `all`.
        reporter: Follows the progress.

    Raises:
        CapsuleInspectError: The model or a picture cannot be read, the split is empty or unknown,
            or the folder cannot be made.
    """
    model, data = request.model, request.data
    file = RunFolder(model).model if model.is_dir() else model
    loaded = load_model(file, request.runtime, request.settings.predict.threads, reporter)
    data = as_known_to(data, loaded.inspector.classes)
    samples = choose_samples(data, split)
    require_known_classes(samples, loaded.inspector.classes)
    cautious = caution(data, samples, loaded.training_data_sha256)
    about_parts = caution_of_parts(samples)
    _warn(reporter, cautious, about_parts)
    folder = begin_evaluation(request, request.settings)
    with reporter.progress(len(samples), "Evaluating") as advance:
        measured = evaluate_split(data, split, loaded.inspector, advance)
    point = loaded.inspector.point
    outcomes: tuple[Metric, ...] = ()
    if point.review:
        outcomes = estimate_outcomes(tuple(sort_judgements(measured.judgements, point)))
    write_evaluation(folder, measured, file, loaded.sha256, cautious, about_parts, outcomes)
    return EvaluateResult(
        evaluation=measured,
        pictures=f"the {len(samples)} pictures of the split '{split}'",
        threshold=f"Threshold {point.threshold:.4g} ({point.chosen_by}).",
        caution=cautious,
        file=file,
        data=Path(request.settings.data.dir),
        folder=folder,
        outcomes=outcomes,
        report=report_evaluation(folder, measured, data, loaded.inspector, file, cautious),
    )


def evaluate_study(
    request: EvaluationRequest, study: CrossValidationRun, reporter: Reporter
) -> EvaluateResult:
    """Measures a study and writes the results folder.

    Args:
        request: The request.
        study: The study that its model names.
        reporter: Follows the progress.

    Raises:
        CapsuleInspectError: Runs are not finished, were trained on other pictures, or a model or
            picture cannot be read; or the folder cannot be made.
    """
    require_finished(study)
    files = model_files(study.members)
    _warn(reporter, caution_of_parts(request.data.samples))
    folder = begin_evaluation(request, study.settings)
    train, count, file = study.settings.train, len(request.data.samples), files[0].name
    inspectors: dict[int, Inspector] = {}  # by fold, of the seed whose pictures the page shows

    def load_members() -> Iterator[Fitted]:
        for member, path in zip(study.members, files, strict=True):
            fitted = _load_member(request, study, member, path, reporter)
            if member.seed == train.seed:
                inspectors[member.fold] = fitted.inspector
            yield fitted

    with reporter.progress(count * train.seeds, "Evaluating") as advance:
        measured = cross_validate(load_members(), advance)
    write_cross_validation(folder, measured, _facts(request, study, file))
    networks = "network that has" if train.seeds == 1 else f"{train.seeds} networks that have"
    return EvaluateResult(
        evaluation=measured.pooled,
        pictures=f"the {count} pictures, each by the {networks} not seen it ({file})",
        threshold=_describe_thresholds(measured),
        caution=measured.caution,
        spread=measured.spread,
        data=Path(request.settings.data.dir),
        folder=folder,
        report=report_study(folder, measured, request.data, inspectors, study.path.name),
    )


def _describe_thresholds(measured: CrossValidation) -> str:
    values = sorted({each.threshold for each in measured.predictions})
    if len(values) == 1:
        return f"Threshold {values[0]:.4g}, the same for every network."
    return (
        f"Thresholds from {values[0]:.4g} to {values[-1]:.4g}, that of each network chosen on the "
        "other folds."
    )


def _warn(reporter: Reporter, *sentences: str) -> None:
    for sentence in filter(None, sentences):
        reporter.warn(sentence)


def begin_evaluation(request: EvaluationRequest, settings: Settings) -> Path:
    """Makes the folder of an evaluation, and writes its config.yaml and environment.json.

    Args:
        request: The request.
        settings: The settings for config.yaml; their passwords are masked. A study brings its own:
            `export-tflite` compares them with those of a network trained on all pictures.

    Returns:
        The folder.

    Raises:
        UsageError: It cannot be made.
    """
    if request.overwrite and request.out:
        clear_evaluation(request.out)
    folder = new_run_folder("evaluate", model_name(request.model), request.out)
    write_text(RunFolder(folder).config, mask_passwords(to_yaml(settings)))
    write_environment(folder, look_around("evaluate", request.overrides, request.data))
    return folder


def _load_member(
    request: EvaluationRequest,
    study: CrossValidationRun,
    member: Member,
    file: Path,
    reporter: Reporter,
) -> Fitted:
    loaded = load_model(file, request.runtime, request.settings.predict.threads, reporter)
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
