"""`capsule-inspect evaluate`: measure a model on a data set."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.cli.complete import complete_split
from capsule_inspect.cli.extras import require_train_extra
from capsule_inspect.cli.options import (
    ConfigDir,
    DataRoot,
    Overrides,
    PrintConfig,
    RuntimeChoice,
    settings_from,
)
from capsule_inspect.cli.predict import split_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from capsule_inspect.dataset.manifest import DataSet
    from capsule_inspect.evaluation.cross_validation import Fitted
    from capsule_inspect.evaluation.evaluate import Evaluation
    from capsule_inspect.evaluation.require import Condition
    from capsule_inspect.training.study import Member, Study


def evaluate(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A .tflite or .keras file, the folder of a run or study, or an out_of_fold.csv.",
        ),
    ],
    overrides: Overrides = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="train, val, test (the default), or all of them.",
            autocompletion=complete_split,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="Folder for the results; runs/evaluate/TIME-NAME if not given."
        ),
    ] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--require",
            metavar="CONDITION",
            help="End with exit code 1 unless this holds, such as 'accuracy>=.95'. Repeatable.",
            show_default=False,
        ),
    ] = None,
    runtime: Annotated[
        RuntimeChoice,
        typer.Option(
            metavar="NAME",
            help="What executes a .tflite file: auto, ai-edge-litert or tflite-runtime.",
        ),
    ] = RuntimeChoice.AUTO,
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Measure a model on the data set folder data.dir, the way `predict` would see it.

    Prints the metrics with their 95 % intervals, those of each class and the confusion matrix, and
    writes metrics.json, pictures.csv and figures. The runs of a study are each measured on the fold
    they have not seen, and pooled into metrics.json and out_of_fold.csv. From that file alone the
    tables are printed again, without pictures or networks.

    Examples:
        capsule-inspect evaluate model.tflite data.dir=data/capsule -o measured
        capsule-inspect evaluate runs/first --split val --require 'accuracy>=.95'
    """
    from capsule_inspect.evaluation.require import parse_condition

    required = [parse_condition(condition) for condition in conditions or []]
    settings = settings_from(overrides, config_dir, print_config, data_root, heavy=True)
    require_train_extra("evaluate", ("sklearn", "matplotlib"))
    from capsule_inspect.cli.console import say
    from capsule_inspect.errors import UsageError

    if split_arguments([str(model)])[1]:
        raise UsageError(
            f"MODEL is missing before '{model}': a .tflite or .keras file, or the folder of a run."
        )
    say(f"Measuring {model}.")  # what follows takes seconds to load
    from capsule_inspect.cli.begin_evaluation import begin_evaluation
    from capsule_inspect.cli.evaluation_report import REPORT_FILE
    from capsule_inspect.dataset.manifest import read_dataset
    from capsule_inspect.evaluation.figures import draw_figures
    from capsule_inspect.training.study import open_study

    stored = _stored(model)
    if stored:
        if split or out:
            raise UsageError(f"'{stored}' is only read: leave --split and --out away.")
        _conclude(_read_stored(stored), required)
        return
    data = read_dataset(Path(settings.data.dir), settings.data.root)
    study = open_study(model)
    own = None if study else settings
    begin = partial(begin_evaluation, model, out, own, overrides or (), data)
    if model.is_dir() and open_study(model.parent):
        raise UsageError(
            f"'{model}' is one run of a study, whose own test pictures are those of its fold. "
            f"Evaluate the study: capsule-inspect evaluate {model.parent}"
        )
    if study and split:
        raise UsageError("A study is measured on the folds its runs have not seen. Leave --split.")
    if study:
        folder, measured = _cross_validate(study, data, begin, runtime, settings.predict.threads)
    else:
        folder, measured = _evaluate(
            model, data, split or "test", begin, runtime, settings.predict.threads
        )
    draw_figures(folder, measured)
    last_line = (
        f"Results: {(folder / REPORT_FILE).resolve()}, to open in a browser; metrics.json, "
        "predictions and figures are beside it."
    )
    if model.suffix == ".tflite":
        last_line += f" Next: capsule-inspect predict PICTURES --model {model} -o out"
    elif not study:
        last_line += f" Next: capsule-inspect export-tflite {model} data.dir={settings.data.dir}"
    _conclude(measured, required, last_line)


def _conclude(measured: "Evaluation", required: "Sequence[Condition]", last_line: str = "") -> None:
    """Prints what follows the metrics, and holds these against the conditions."""
    from capsule_inspect.cli.console import say
    from capsule_inspect.cli.tables import print_classes, print_confusion
    from capsule_inspect.evaluation.require import require

    print_classes(measured.per_class)
    print_confusion(measured.confusion)
    if last_line:
        say(last_line)
    require(required, measured.metrics)


def _stored(model: Path) -> Path | None:
    """Returns the stored predictions that a path stands for: the file, or a folder with one."""
    from capsule_inspect.evaluation.out_of_fold import OUT_OF_FOLD_FILE

    file = model / OUT_OF_FOLD_FILE if model.is_dir() else model
    return file if file.suffix == ".csv" and file.is_file() else None


def _read_stored(file: Path) -> "Evaluation":
    """Measures stored predictions, and prints their metrics."""
    from capsule_inspect.cli.tables import print_metrics
    from capsule_inspect.evaluation.cross_validation import pool_predictions
    from capsule_inspect.evaluation.out_of_fold import read_out_of_fold

    measured = pool_predictions(*read_out_of_fold(file))
    print_metrics(
        measured.pooled.metrics,
        f"{measured.pictures} pictures, as {file} has them",
        measured.spread,
    )
    return measured.pooled


def _evaluate(
    model: Path,
    data: "DataSet",
    split: str,
    begin: "Callable[[], Path]",
    runtime: RuntimeChoice,
    threads: int,
) -> "tuple[Path, Evaluation]":
    """Measures one model, prints its metrics and writes them into a folder."""
    from capsule_inspect.cli.console import warn
    from capsule_inspect.cli.evaluation_report import report_evaluation
    from capsule_inspect.cli.load_model import load_model
    from capsule_inspect.cli.progress import watch_pictures
    from capsule_inspect.cli.tables import print_metrics
    from capsule_inspect.dataset.manifest import training_sha256
    from capsule_inspect.evaluation import evaluate as evaluation
    from capsule_inspect.evaluation.report import write_report
    from capsule_inspect.training.run_folder import RunFolder

    file = RunFolder(model).model if model.is_dir() else model
    loaded = load_model(file, runtime, threads)
    samples = evaluation.choose_samples(data, split)
    as_trained = training_sha256(data) == loaded.training_data_sha256
    if not as_trained:
        warn(
            "The model was trained on another split of pictures than this data set's: it may have "
            "seen some that it is measured on."
        )
    folder = begin()
    with watch_pictures(len(samples), "Evaluating") as advance:
        measured = evaluation.evaluate(data, split, loaded.inspector, advance)
    write_report(folder, measured, file, loaded.sha256, as_trained)
    print_metrics(measured.metrics, f"the {len(samples)} pictures of the split '{split}'")
    report_evaluation(folder, measured, data, loaded.inspector, file)
    return folder, measured


def _cross_validate(
    study: "Study",
    data: "DataSet",
    begin: "Callable[[], Path]",
    runtime: RuntimeChoice,
    threads: int,
) -> "tuple[Path, Evaluation]":
    """Measures the runs of a study, prints the pooled metrics and writes them into a folder."""
    from capsule_inspect.cli.evaluation_report import report_study
    from capsule_inspect.cli.progress import watch_pictures
    from capsule_inspect.cli.tables import print_metrics
    from capsule_inspect.compose import to_yaml
    from capsule_inspect.dataset.manifest import pictures_sha256
    from capsule_inspect.evaluation.cross_validation import cross_validate
    from capsule_inspect.evaluation.report import StudyFacts, write_cross_validation
    from capsule_inspect.passwords import mask_passwords
    from capsule_inspect.training.decision import read_decision
    from capsule_inspect.training.run_folder import RunFolder
    from capsule_inspect.training.study import model_files, require_finished

    require_finished(study)
    files = model_files(study.members)
    folder = begin()
    members = {
        (member.seed, member.fold): (member, file)
        for member, file in zip(study.members, files, strict=True)
    }

    def load(seed: int, fold: int) -> "Fitted":
        return _load_member(study, *members[seed, fold], data, runtime, threads)

    count, seeds = len(data.samples), study.settings.train.seeds
    with watch_pictures(count * seeds, "Evaluating") as advance:
        measured = cross_validate((load(m.seed, m.fold) for m in study.members), advance)
    folds, file = study.settings.train.folds, files[0].name
    facts = StudyFacts(
        study=study.path,
        file=file,
        point=read_decision(RunFolder(study.path).decision).operating_point,
        pictures_sha256=pictures_sha256(data),
        measured_on=(
            f"{count} pictures, each by the {file} of {folds}-fold cross-validation that has not "
            "seen it"
        ),
        config=mask_passwords(to_yaml(study.settings)),
    )
    write_cross_validation(folder, measured, facts)
    networks = "network that has" if seeds == 1 else f"{seeds} networks that have"
    print_metrics(
        measured.pooled.metrics,
        f"the {count} pictures, each by the {networks} not seen it ({files[0].name})",
        measured.spread,
    )
    report_study(folder, measured, data, load, study.path.name)
    return folder, measured.pooled


def _load_member(
    study: "Study",
    member: "Member",
    file: Path,
    data: "DataSet",
    runtime: RuntimeChoice,
    threads: int,
) -> "Fitted":
    """Loads the network of one run of a study."""
    from capsule_inspect.cli.load_model import load_model
    from capsule_inspect.evaluation.cross_validation import Fitted

    loaded = load_model(file, runtime, threads)
    return Fitted(
        name=member.run.path.name,
        fold=member.fold,
        seed=member.seed,
        data=study.view(data, member),
        inspector=loaded.inspector,
        training_data_sha256=loaded.training_data_sha256,
        model_sha256=loaded.sha256,
    )
