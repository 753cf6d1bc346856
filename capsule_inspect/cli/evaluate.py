"""`capsule-inspect evaluate`: measure a model on a data set."""

from pathlib import Path
from typing import Annotated

import typer

from capsule_inspect.choices import RuntimeName
from capsule_inspect.cli.options import (
    ConfigDir,
    DataRoot,
    Overrides,
    PrintConfig,
    complete_split,
    settings_from,
)
from capsule_inspect.cli.predict import split_arguments
from capsule_inspect.workflows.extras import require_train_extra


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
        RuntimeName,
        typer.Option(
            metavar="NAME",
            help="What executes a .tflite file: auto, ai-edge-litert or tflite-runtime.",
        ),
    ] = "auto",
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Measure a model on the data set folder data.dir, the way `predict` would see it.

    Prints the metrics with their 95 % intervals, those of each class and the confusion matrix, and
    writes report.html, metrics.json and pictures.csv. The runs of a study are each measured on the
    fold they have not seen, and pooled into metrics.json and out_of_fold.csv. From that file alone
    the tables are printed again, without pictures or networks.

    Examples:
        capsule-inspect evaluate model.tflite data.dir=data/capsule -o measured
        capsule-inspect evaluate runs/first --split val --require 'accuracy>=.95'
    """
    from capsule_inspect.evaluation.require import parse_condition, require

    required = [parse_condition(condition) for condition in conditions or []]
    settings = settings_from(overrides, config_dir, print_config, data_root, heavy=True)
    require_train_extra("evaluate", ("sklearn",))
    from capsule_inspect.cli.console import say
    from capsule_inspect.errors import UsageError

    if split_arguments([str(model)])[1]:
        raise UsageError(
            f"MODEL is missing before '{model}': a .tflite or .keras file, or the folder of a run."
        )
    say(f"Measuring {model}.")  # what follows takes seconds to load
    from capsule_inspect.dataset.data_set import read_dataset
    from capsule_inspect.training.study import open_study
    from capsule_inspect.workflows.evaluate import (
        EvaluationRequest,
        evaluate_model,
        evaluate_stored,
        evaluate_study,
        find_stored_predictions,
    )

    stored = find_stored_predictions(model)
    if stored:
        if split or out:
            raise UsageError(f"'{stored}' is only read: leave --split and --out away.")
        require(required, evaluate_stored(stored))
        return
    data = read_dataset(Path(settings.data.dir), settings.data.root)
    request = EvaluationRequest(model, data, out, settings, tuple(overrides or ()), runtime)
    study = open_study(model)
    if model.is_dir() and open_study(model.parent):
        raise UsageError(
            f"'{model}' is one run of a study, whose own test pictures are those of its fold. "
            f"Evaluate the study: capsule-inspect evaluate {model.parent}"
        )
    if study and split:
        raise UsageError("A study is measured on the folds its runs have not seen. Leave --split.")
    metrics = evaluate_study(request, study) if study else evaluate_model(request, split or "test")
    require(required, metrics)
