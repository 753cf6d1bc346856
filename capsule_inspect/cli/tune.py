"""`capsule-inspect tune`: search hyper-parameters."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Optional

import typer

from capsule_inspect.cli.extras import load_training_stack
from capsule_inspect.cli.options import ConfigDir, DataRoot, Overrides, PrintConfig, settings_from


def tune(
    overrides: Overrides = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045  (Typer on 3.10 reads Optional only)
        typer.Option("-o", "--out", help="Run folder; runs/tune/DATE-TIME if not given."),
    ] = None,
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Search learning rates, regularization and loss weights with Optuna.

    Trials are kept in study.db of the run folder; tune.resume=RUN goes on with them until there are
    tune.trials. The best
    settings become best.yaml there, an experiment file that `train` takes.

    Example: capsule-inspect tune tune.trials=20 data.dir=data/capsule
    """
    settings = settings_from(overrides, config_dir, print_config, data_root, heavy=True)
    load_training_stack("tune")
    from capsule_inspect.cli.console import results, say
    from capsule_inspect.compose import read_yaml, to_yaml
    from capsule_inspect.errors import UsageError
    from capsule_inspect.training import tune as search
    from capsule_inspect.training.run_folder import RunFolder, create_run_folder

    if settings.tune.resume:
        run = RunFolder(Path(settings.tune.resume))
        if not run.config.is_file():
            raise UsageError(
                f"There is nothing to resume in '{run.path}': it holds no config.yaml. "
                "Give the run folder of a `tune`."
            )
        wanted, stored = settings, read_yaml(run.config)
        settings = replace(
            stored,
            tune=replace(stored.tune, trials=wanted.tune.trials),
            data=replace(stored.data, root=wanted.data.root or stored.data.root),
        )
    else:
        run = create_run_folder("tune", out)
        run.config.write_text(to_yaml(settings), encoding="utf-8")
    tuned = search.tune(settings, run, say)
    for key, value in sorted(tuned.parameters.items()):
        results.print(f"{key}={value:.4g}")
    say(
        f"Best of {tuned.finished} trials: score {tuned.value:.4f}. "
        f"Next: capsule-inspect train experiment={tuned.best}"
    )
