"""`capsule-inspect train`: fit a network to a prepared data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.cli.options import ConfigDir, DataRoot, Overrides, PrintConfig, settings_from
from capsule_inspect.text import command_line
from capsule_inspect.workflows.extras import choose_backend, import_training_stack

if TYPE_CHECKING:
    from capsule_inspect.dataset.data_set import DataSet
    from capsule_inspect.runs.run_folder import RunFolder
    from capsule_inspect.settings.groups import Settings


def train(
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Run folder; runs/train/TIME-NAME if not given."),
    ] = None,
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Train a network on the data set folder data.dir.

    Writes model.keras, decision.json, history.csv, TensorBoard events and the resolved config.yaml
    into a run folder. Ctrl-C keeps all finished epochs; train.resume=RUN goes on. train.folds=5
    train.seeds=3 cross-validates: a run for every fold and seed; further processes join in with
    train.resume=RUN.

    Examples:
        capsule-inspect train data.dir=data/capsule -o runs/first
        capsule-inspect train data.dir=data/capsule train.folds=5 train.seeds=3
    """
    settings = settings_from(overrides, config_dir, print_config, data_root, heavy=True)
    choose_backend("train")
    from capsule_inspect.workflows.train import start_run

    settings, data, run = start_run("train", settings, out, overrides or ())
    import_training_stack("train")  # last, so that a slip is told at once
    (_train_study if settings.train.folds else _train_one)(settings, data, run)


def _train_one(settings: "Settings", data: "DataSet", run: "RunFolder") -> None:
    from capsule_inspect.cli.console import say
    from capsule_inspect.cli.tables import print_metrics
    from capsule_inspect.training.fit import fit
    from capsule_inspect.workflows.train import watch_training

    with watch_training(settings.train) as watcher:
        metrics = fit(settings, data, run, watcher)
    if metrics:
        print_metrics(metrics, "the validation split, on which the operating point was chosen")
    data_dir = f"data.dir={settings.data.dir}"
    say(
        f"Wrote {run.model}. Next: {command_line('evaluate', run.path, data_dir)}, or: "
        f"{command_line('export-tflite', run.path, data_dir)}"
    )


def _train_study(settings: "Settings", data: "DataSet", run: "RunFolder") -> None:
    from capsule_inspect.cli.console import say, watch_pictures
    from capsule_inspect.training.calibrate import calibrate
    from capsule_inspect.training.fit_members import fit_members
    from capsule_inspect.training.study import make_study
    from capsule_inspect.workflows.train import watch_training

    study = make_study(run.path, settings)
    say(f"Cross-validating with {len(study.members)} runs in {run.path}.")
    elsewhere = fit_members(study, data, lambda name: watch_training(settings.train, name))
    if elsewhere:
        names = ", ".join(member.run.path.name for member in elsewhere)
        say(f"All other runs are finished; other processes are still at {names}.")
        return
    if not study.is_calibrated:
        say("Choosing the operating points, each on the other folds.")
        with watch_pictures(len(data.samples) * settings.train.seeds, "Looking") as advance:
            calibrate(study, data, advance)
    following = command_line("evaluate", run.path, f"data.dir={settings.data.dir}")
    say(f"All runs are finished. Next: {following}")
