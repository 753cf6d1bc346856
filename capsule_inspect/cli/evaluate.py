"""`capsule-inspect evaluate`: measure a model on a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.choices import DEFAULT_RUNTIME, RuntimeName
from capsule_inspect.cli.next_steps import export_next, predict_next
from capsule_inspect.cli.options import (
    ConfigDir,
    Data,
    DataRoot,
    PrintConfig,
    complete_split,
    print_settings,
    settings_argument,
    split_arguments,
)
from capsule_inspect.errors import UsageError

if TYPE_CHECKING:
    from capsule_inspect.workflows.evaluate import EvaluateResult

_DEMANDS = "Comparison"
"""The panel of what the figures are held against."""


def evaluate(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A .tflite or .keras file, the folder of a run or study, or an out_of_fold.csv.",
        ),
    ],
    overrides: Annotated[list[str] | None, settings_argument("predict.threads=2")] = None,
    data: Data = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="The split to measure: train, val, test (the default) or all.",
            autocompletion=complete_split,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="The results folder; by default runs/evaluate/TIME-NAME."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the evaluation in that folder.")
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="CSV",
            help="Compare the model with people: a table of image, inspector and label.",
            show_default=False,
            rich_help_panel=_DEMANDS,
        ),
    ] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--require",
            metavar="CONDITION",
            help="Exit with code 1 unless this holds, such as 'accuracy>=.95'. Can be repeated.",
            show_default=False,
            rich_help_panel=_DEMANDS,
        ),
    ] = None,
    runtime: Annotated[
        RuntimeName,
        typer.Option(
            metavar="NAME",
            help="The runtime for a .tflite file: auto, ai-edge-litert or tflite-runtime.",
        ),
    ] = DEFAULT_RUNTIME,
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Measure a model on a data set, with the same code as `predict`.

    Prints every metric with its 95 % interval, the metrics of each class and the confusion matrix.
    Says which threshold decided. Writes report.html, metrics.json and pictures.csv into the results
    folder.

    In a cross-validation study, each run is measured on the fold it has not seen. The results are
    pooled in metrics.json and out_of_fold.csv. Pass out_of_fold.csv as MODEL to print the tables
    again, without pictures or networks.

    --against compares the model with human inspectors who read the same pictures: agreement.html,
    agreement.csv, rates.csv and detection.csv show agreement, Cohen's kappa, misses and false
    alarms of everyone, and how surely people find each defect.

    Examples:
        capsule-inspect evaluate model.tflite --data data/capsule -o measured
        capsule-inspect evaluate runs/first --split val --require 'accuracy>=.95'
    """
    from capsule_inspect.evaluation.require import parse_condition, require

    required = [parse_condition(condition) for condition in conditions or []]
    if print_config:
        print_settings(overrides, config_dir, data=data, data_root=data_root)
    if split_arguments([str(model)])[1]:
        raise UsageError(
            f"MODEL is missing before '{model}': a .tflite or .keras file, or the folder of a run."
        )
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.cli.tables import print_agreement, print_evaluation, print_outcomes
    from capsule_inspect.workflows import evaluate as workflow

    if overwrite and out is None:
        raise UsageError("--overwrite needs -o with the folder of the evaluation.")
    terminal = Terminal()
    result = workflow.evaluate(
        model,
        data,
        split=split,
        out=out,
        overwrite=overwrite,
        against=against,
        runtime=runtime,
        data_root=data_root,
        overrides=overrides or (),
        config_dir=config_dir,
        reporter=terminal,
    )
    pictures = f"{result.pictures}. {result.caution}" if result.caution else result.pictures
    print_evaluation(terminal.results, result.evaluation, pictures, result.threshold, result.spread)
    if result.outcomes:
        print_outcomes(terminal.results, result.outcomes)
    if result.comparison:
        print_agreement(terminal.results, result.comparison.agreement)
    if result.report:
        terminal.say(results_sentence(result.report) + _next(model, result))
    if result.comparison:
        terminal.say(f"Model beside inspectors: {result.comparison.page.resolve()}")
    require(required, result.metrics)


def results_sentence(report: Path) -> str:
    """Says where the results are, and what to open first."""
    return (
        f"Results: {report.resolve()}, to open in a browser; metrics.json and a table with a "
        "row for each picture are beside it."
    )


def _next(model: Path, result: "EvaluateResult") -> str:
    if result.file is None:
        return ""
    if result.file.suffix == ".tflite":
        following = predict_next(model)
    else:
        following = export_next(model, result.data)
    return f" Next: {following}"
