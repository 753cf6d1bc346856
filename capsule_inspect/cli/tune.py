"""`capsule-inspect tune`: search for better settings."""

from pathlib import Path
from typing import Annotated

import typer

from capsule_inspect.cli.next_steps import train_next
from capsule_inspect.cli.options import (
    ConfigDir,
    Data,
    DataRoot,
    PrintConfig,
    print_settings,
    scheduler_option,
    settings_argument,
)


def tune(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    overrides: Annotated[list[str] | None, settings_argument("tune.trials=20")] = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="The run folder; by default runs/tune/TIME-NAME."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="The folder of a search to resume."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="URL",
            help="The URL of a database for the trials; by default study.db in the run folder.",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        scheduler_option(
            "Share the trials with the workers of this Dask scheduler, such as "
            "tcp://host:8786; local starts worker processes here."
        ),
    ] = None,
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Search for the best settings with Optuna.

    Tries values for the settings listed in the group `space`, and stops poor trials early. --resume
    RUN continues a search until it has tune.trials trials. Start more processes with --resume RUN
    to share the work, or name a cluster with --scheduler.

    Writes the best settings to best.yaml, an experiment file for `train`. trials.csv, history.png
    and importance.png show all trials.

    Examples:
        capsule-inspect tune --data data/capsule tune.trials=20 -o runs/search
        capsule-inspect tune --resume runs/search tune.trials=40
    """
    if print_config:
        where = {"data": data, "data_root": data_root, "resume": resume, "storage": storage}
        print_settings(overrides, config_dir, "tune", **where)
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.workflows import tune as workflow

    terminal = Terminal()
    result = workflow.tune(
        data,
        out=out,
        data_root=data_root,
        resume=resume,
        storage=storage,
        overrides=overrides or (),
        config_dir=config_dir,
        scheduler=scheduler or None,
        reporter=terminal,
    )
    for key, value in sorted(result.best.items()):
        shown = f"{value:.4g}" if isinstance(value, float) else value
        terminal.results.print(f"{key}={shown}")
    if result.running:
        terminal.say(f"Other workers run the last {result.running} trials and finish the search.")
    if result.experiment:
        terminal.say(result.figures)
        following = train_next(result.data, f"experiment={result.experiment}")
        terminal.say(
            f"Best of {result.finished} trials: score {result.score:.4f}. Next: {following}"
        )
