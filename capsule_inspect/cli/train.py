"""`capsule-inspect train`: fit a network to a prepared data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.cli.next_steps import evaluate_next, export_next
from capsule_inspect.cli.options import (
    ConfigDir,
    Data,
    DataRoot,
    PrintConfig,
    print_settings,
    scheduler_option,
    settings_argument,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from capsule_inspect.modelfile.metadata import Metric
    from capsule_inspect.workflows.train import TrainResult


def train(
    overrides: Annotated[list[str] | None, settings_argument("train.epochs=40")] = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="The run folder; by default runs/train/TIME-NAME."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="The folder of a run or study to resume."),
    ] = None,
    scheduler: Annotated[
        str | None,
        scheduler_option(
            "Share the runs of a study with the workers of this Dask scheduler, such as "
            "tcp://host:8786; local starts worker processes here."
        ),
    ] = None,
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Train a network on a data set folder.

    Writes model.keras, decision.json, history.csv, TensorBoard events and config.yaml into a run
    folder. Ctrl-C keeps the finished epochs; --resume RUN continues from there.

    For another product than capsules, add experiment=whole_picture: the network then sees whole
    pictures.

    train.folds=5 train.seeds=3 runs a cross-validation study: one run for each fold and seed. Start
    more processes with --resume RUN to share the work, or name a cluster with --scheduler.

    Examples:
        capsule-inspect train --data data/capsule -o runs/first
        capsule-inspect train --data data/capsule train.folds=5 train.seeds=3
    """
    if print_config:
        print_settings(
            overrides, config_dir, "train", data=data, data_root=data_root, resume=resume
        )
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.cli.tables import print_metrics
    from capsule_inspect.workflows import train as workflow

    terminal = Terminal()
    result = workflow.train(
        data,
        out=out,
        data_root=data_root,
        resume=resume,
        overrides=overrides or (),
        config_dir=config_dir,
        scheduler=scheduler or None,
        reporter=terminal,
    )
    if result.metrics:
        pictures = "the validation split, on which the operating point was chosen"
        print_metrics(terminal.results, result.metrics, pictures)
        for sentence in find_doubts(result.metrics):
            terminal.warn(sentence)
    terminal.say(_conclusion(result))


_DOUBTFUL = 0.5
"""Rates of errors from which a network is of no use."""
_ERRORS = {
    "false_alarm_rate": "calls {share:.0%} of the good pictures defective",
    "miss_rate": "misses {share:.0%} of the defects",
}


def find_doubts(metrics: "Iterable[Metric]") -> "Iterator[str]":
    """Yields a sentence for each kind of error that makes a network useless."""
    for metric in metrics:
        if metric.name in _ERRORS and metric.value >= _DOUBTFUL:
            fault = _ERRORS[metric.name].format(share=metric.value)
            yield (
                f"At its threshold, the network {fault}. Train longer, or see 'My product is not "
                "good enough yet' in the docs."
            )


def _conclusion(result: "TrainResult") -> str:
    if result.elsewhere:
        names = ", ".join(result.elsewhere)
        return f"Other processes are still training {names}. All other runs are finished."
    evaluating = evaluate_next(result.folder, result.data)
    if result.model is None:
        return f"All runs are finished. Next: {evaluating}"
    exporting = export_next(result.folder, result.data)
    done = "" if result.was_finished else f"Wrote {result.model}. "
    # A line each, so that each can be copied as it is.
    return f"{done}Next: {evaluating}\nOr: {exporting}"
