"""`capsule-inspect tune`: search hyper-parameters."""

from pathlib import Path
from typing import Annotated

import typer

from capsule_inspect.cli.options import ConfigDir, DataRoot, Overrides, PrintConfig, print_settings
from capsule_inspect.text import command_line


def tune(
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="The run folder; runs/tune/TIME-NAME if not given."),
    ] = None,
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Search the settings of the group `space` with Optuna.

    Trials that do badly stop early. All trials are kept in study.db of the run folder, or in the
    database tune.storage. tune.resume=RUN continues until there are tune.trials; start it several
    times at once to share the trials between workers.

    The best settings go to best.yaml in the run folder, an experiment file for `train`; trials.csv,
    history.png and importance.png show the rest.

    Examples:
        capsule-inspect tune data.dir=data/capsule tune.trials=20 -o runs/search
        capsule-inspect tune tune.resume=runs/search tune.trials=40
    """
    if print_config:
        print_settings(overrides, config_dir, data_root)
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.workflows import tune as workflow

    terminal = Terminal()
    result = workflow.tune(
        out=out,
        data_root=data_root,
        overrides=overrides or (),
        config_dir=config_dir,
        reporter=terminal,
    )
    for key, value in sorted(result.best.items()):
        shown = f"{value:.4g}" if isinstance(value, float) else value
        terminal.results.print(f"{key}={shown}")
    if result.running:
        terminal.say(
            f"The last {result.running} of the trials run in other workers, which will end this."
        )
    if result.experiment:
        terminal.say(result.figures)
        data = f"data.dir={result.data}"
        following = command_line("train", f"experiment={result.experiment}", data)
        terminal.say(
            f"Best of {result.finished} trials: score {result.score:.4f}. Next: {following}"
        )
