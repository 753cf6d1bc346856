"""Evaluate a model, a study or stored predictions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from capsule_inspect.choices import DEFAULT_RUNTIME, RuntimeName
from capsule_inspect.dataset.data_set import DataSet, read_dataset
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
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.seen_in_training import caution
from capsule_inspect.evaluation.shared_parts import caution_of_parts
from capsule_inspect.files import StrPath, write_text
from capsule_inspect.inference.inspector import Inspector
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
from capsule_inspect.workflows.arguments import (
    all_overrides,
    as_path,
    compose_for_model,
    options_of,
)
from capsule_inspect.workflows.extras import require_train_extra
from capsule_inspect.workflows.models import load_model


@dataclass(frozen=True)
class EvaluateResult:
    """The metrics of a model, a study or stored predictions.

    Attributes:
        evaluation: The metrics, those of each class and the confusion matrix; of a study all
            networks together.
        pictures: The pictures that were measured, in words.
        caution: A sentence if the figures are not what they seem, else empty: the model may have
            seen the pictures in its training, or never have learned a class.
        spread: Standard deviation over seeds by metric name; empty with one seed.
        file: The model file that was measured; None for a study or stored predictions.
        data: The data set folder; None for stored predictions.
        folder: The results folder; None for stored predictions, which are only read.
        report: The page to look through, in that folder.
    """

    evaluation: Evaluation
    pictures: str
    caution: str = ""
    spread: Mapping[str, float] = field(default_factory=dict)
    file: Path | None = None
    data: Path | None = None
    folder: Path | None = None
    report: Path | None = None

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
        if split or out:
            raise UsageError(f"'{stored}' is only read: leave --split and --out away.")
        return evaluate_stored(stored)
    read = read_dataset(Path(settings.data.dir), settings.data.root)
    given = all_overrides(overrides, options)
    request = EvaluationRequest(path, read, as_path(out), settings, given, runtime, overwrite)
    study = open_study(path)
    if path.is_dir() and open_study(path.parent):
        raise UsageError(
            f"'{path}' is one run of a study, whose own test pictures are those of its fold. "
            f"Evaluate the study: capsule-inspect evaluate {path.parent}"
        )
    if study is None:
        return evaluate_model(request, split or "test", reporter)
    if split:
        raise UsageError("A study is measured on the folds its runs have not seen. Leave --split.")
    return evaluate_study(request, study, reporter)


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


def evaluate_stored(file: Path) -> EvaluateResult:
    """Measures stored predictions.

    Raises:
        DataError: The file cannot be read or is no `out_of_fold.csv`.
    """
    measured = pool_predictions(*read_out_of_fold(file))
    pictures = f"{measured.pictures} pictures, as {file} has them"
    return EvaluateResult(measured.pooled, pictures, measured.caution, measured.spread)


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
    samples = choose_samples(data, split)
    require_known_classes(samples, loaded.inspector.classes)
    cautious = caution(data, samples, loaded.training_data_sha256)
    _warn(reporter, cautious, caution_of_parts(samples))
    folder = begin_evaluation(request, request.settings)
    with reporter.progress(len(samples), "Evaluating") as advance:
        measured = evaluate_split(data, split, loaded.inspector, advance)
    write_evaluation(folder, measured, file, loaded.sha256, cautious)
    return EvaluateResult(
        evaluation=measured,
        pictures=f"the {len(samples)} pictures of the split '{split}'",
        caution=cautious,
        file=file,
        data=Path(request.settings.data.dir),
        folder=folder,
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
        caution=measured.caution,
        spread=measured.spread,
        data=Path(request.settings.data.dir),
        folder=folder,
        report=report_study(folder, measured, request.data, inspectors, study.path.name),
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
    )
    write_text(folder / REPORT_FILE, page)
    return folder / REPORT_FILE
