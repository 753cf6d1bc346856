"""`capsule-inspect tune`: search hyper-parameters."""

from pathlib import Path
from typing import Annotated

import typer

from capsule_inspect.cli.options import ConfigDir, DataRoot, Overrides, PrintConfig, settings_from
from capsule_inspect.workflows.extras import choose_backend, import_training_stack


def tune(
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Run folder; runs/tune/TIME-NAME if not given."),
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

    Examples:
        capsule-inspect tune data.dir=data/capsule tune.trials=20 -o runs/search
        capsule-inspect tune tune.resume=runs/search tune.trials=40
    """
    settings = settings_from(overrides, config_dir, print_config, data_root, heavy=True)
    choose_backend("tune")
    from capsule_inspect.cli.console import results, say
    from capsule_inspect.text import command_line
    from capsule_inspect.workflows.train import start_run

    settings, data, run = start_run("tune", settings, out, overrides or (), ("tune.trials",))
    import_training_stack("tune")  # so late, so that a slip is told at once
    from capsule_inspect.search import tune as search
    from capsule_inspect.search.report import BEST, draw_search
    from capsule_inspect.search.tune import trial_trainer

    tuned = search.tune(settings, run, say, trial_trainer(data, say))
    for key, value in sorted(tuned.best.items()):
        results.print(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}")
    if tuned.running:
        say(f"The last {tuned.running} of the trials run in other workers, which will end this.")
    if tuned.best:
        say(draw_search(tuned.study, run, settings.tune.seed))
        data_dir = f"data.dir={settings.data.dir}"
        following = command_line("train", f"experiment={run.path / BEST}", data_dir)
        say(f"Best of {tuned.finished} trials: score {tuned.score:.4f}. Next: {following}")
