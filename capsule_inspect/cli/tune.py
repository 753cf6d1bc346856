"""`capsule-inspect tune`: search hyper-parameters."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from capsule_inspect.cli.extras import load_training_stack
from capsule_inspect.cli.options import ConfigDir, DataRoot, Overrides, PrintConfig, settings_from

if TYPE_CHECKING:
    from capsule_inspect.settings import Settings
    from capsule_inspect.training.run_folder import RunFolder


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
    """Search the settings of the group `space` with Optuna.

    Trials that do badly are stopped early. All are kept in study.db of the run folder, or in the
    database tune.storage. tune.resume=RUN goes on until there are tune.trials; started several
    times at once, it shares them between workers.

    The best settings become best.yaml in the run folder, an experiment file that `train` takes;
    trials.csv, history.png and importance.png show the rest.

    Example: capsule-inspect tune tune.trials=20 data.dir=data/capsule
    """
    settings = settings_from(overrides, config_dir, print_config, data_root, heavy=True)
    load_training_stack("tune")
    from capsule_inspect.cli.console import results, say
    from capsule_inspect.dataset.manifest import read_dataset
    from capsule_inspect.training import tune as search
    from capsule_inspect.training.search_figures import draw_search
    from capsule_inspect.training.search_report import BEST
    from capsule_inspect.training.train_trial import trial_trainer

    more = any(text.startswith("tune.trials=") for text in overrides or ())
    settings, run = _start(settings, out, more)
    data = read_dataset(Path(settings.data.dir), settings.data.root)
    tuned = search.tune(settings, run, say, trial_trainer(data, say))
    for key, value in sorted(tuned.best.items()):
        results.print(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}")
    if tuned.running:
        say(f"The last {tuned.running} of the trials run in other workers, which will end this.")
    if tuned.best:
        say(draw_search(tuned.study, run, settings.tune.seed))
        say(
            f"Best of {tuned.finished} trials: score {tuned.score:.4f}. "
            f"Next: capsule-inspect train experiment={run.path / BEST}"
        )


def _start(settings: "Settings", out: Path | None, more: bool) -> "tuple[Settings, RunFolder]":
    """Opens the run folder to go on with, or makes a new one; `more` trials if asked for."""
    from capsule_inspect.compose import read_yaml, to_yaml
    from capsule_inspect.errors import UsageError
    from capsule_inspect.training.run_folder import RunFolder, create_run_folder

    if not settings.tune.resume:
        run = create_run_folder("tune", out)
        run.config.write_text(to_yaml(settings), encoding="utf-8")
        return settings, run
    run = RunFolder(Path(settings.tune.resume))
    if not run.config.is_file():
        raise UsageError(
            f"There is nothing to resume in '{run.path}': it holds no config.yaml. "
            "Give the run folder of a `tune`."
        )
    stored = read_yaml(run.config)
    trials = settings.tune.trials if more else stored.tune.trials
    return replace(
        stored,
        tune=replace(stored.tune, trials=trials),
        data=replace(stored.data, root=settings.data.root or stored.data.root),
    ), run
