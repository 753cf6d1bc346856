"""Train a network, or cross-validate with several; begin and resume runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from capsule_inspect.choices import GOOD, NORMALITY
from capsule_inspect.cluster.connect import require_scheduler
from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.window import settle_window
from capsule_inspect.errors import UsageError
from capsule_inspect.files import StrPath, write_text
from capsule_inspect.folder_lock import FolderLock, HeldError
from capsule_inspect.model.encoders.registry import require_encoder
from capsule_inspect.modelfile.metadata import Metric
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.runs.environment import look_around, require_same_data, write_environment
from capsule_inspect.runs.run_folder import RunFolder, base_name, new_run_folder
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import OPTIONS, value_of, with_value
from capsule_inspect.settings.yaml_text import read_settings, to_yaml
from capsule_inspect.text import command_line
from capsule_inspect.training.keras_archive import require_whole
from capsule_inspect.workflows.arguments import (
    all_overrides,
    as_output,
    compose_settings,
    options_of,
    overridden_key,
)
from capsule_inspect.workflows.extras import choose_backend, import_training_stack
from capsule_inspect.workflows.share_run import share_run


@dataclass(frozen=True)
class TrainResult:
    """A trained network, or a study of several.

    Attributes:
        folder: The folder of the run or study.
        data: The data set folder it was trained on.
        model: The network; None for a study, whose runs keep their own.
        metrics: Of the validation split, on which the operating point was chosen; empty for a
            study, or if the data set has no such split.
        elsewhere: Names of the runs of a study that other processes still train; as long as there
            are any, the operating points are not chosen.
        was_finished: Whether it was trained before, and nothing changed.
    """

    folder: Path
    data: Path
    model: Path | None
    metrics: tuple[Metric, ...] = ()
    elsewhere: tuple[str, ...] = ()
    was_finished: bool = False


def train(
    data: StrPath | None = None,
    *,
    out: StrPath | None = None,
    data_root: StrPath | None = None,
    resume: StrPath | None = None,
    overrides: Sequence[str] = (),
    config_dir: StrPath | None = None,
    scheduler: str | None = None,
    reporter: Reporter = SILENT,
) -> TrainResult:
    """Trains a network on a data set; with train.folds, one for every fold and seed.

    Args:
        data: The data set folder; by default the setting data.dir.
        out: The run folder to make; by default `runs/train/<time>-<data set>/`.
        data_root: The folder of the pictures, if they have moved.
        resume: The folder of an unfinished run or study to resume; it keeps its own settings.
        overrides: Settings to change, such as `train.epochs=40`.
        config_dir: A folder of your own config groups.
        scheduler: The address of a Dask scheduler, such as `tcp://host:8786`, whose workers share
            the runs of a study; or `local` for worker processes of this machine.
        reporter: Follows the progress.

    Raises:
        CapsuleInspectError: A package is missing, settings, data set or folder cannot be used, or
            the scheduler or its workers are lost or cannot take part.
        InterruptedRunError: The user stopped the run; the message says how to resume it.
    """
    if scheduler is not None:
        require_scheduler(scheduler, None)
    options = options_of("train", data=data, data_root=data_root, resume=resume)
    asked = compose_settings(overrides, config_dir, options, reporter=reporter)
    choose_backend("train")
    given = all_overrides(overrides, options)
    settings, read, run = start_run("train", asked, as_output(out), given, reporter=reporter)
    if settings.train.resume and run.decision.is_file():
        return _finished(settings, run, reporter)
    if scheduler is not None and settings.train.folds:
        share_run("train", settings, run, scheduler, reporter)
    elif scheduler is not None:
        reporter.warn(
            "A single run is not shared, so this machine trains it. Workers of a cluster share the "
            "runs of a study: train.folds=5."
        )
    import_training_stack("train", reporter=reporter)  # last: a typo is reported before it loads
    return (_train_study if settings.train.folds else _train_one)(settings, read, run, reporter)


def _finished(settings: Settings, run: RunFolder, reporter: Reporter) -> TrainResult:
    """Leaves a run or study that is finished as it is, and says how to train longer.

    Raises:
        ModelFileError: Its checkpoint is damaged.
    """
    if run.checkpoint.is_file():
        require_whole(run.checkpoint)
    longer = command_line(
        "train",
        "--data",
        settings.data.dir,
        f"experiment={run.config}",  # with all the settings that this one had
        f"train.epochs={2 * settings.train.epochs}",
    )
    reporter.say(f"'{run.path}' is finished, and stays as it is. A new run trains longer: {longer}")
    model = None if settings.train.folds else run.model
    return TrainResult(run.path, Path(settings.data.dir), model, was_finished=True)


def _train_one(
    settings: Settings, data: DataSet, run: RunFolder, reporter: Reporter
) -> TrainResult:
    if settings.model.head == NORMALITY:
        reporter.say(f"Learning from good pictures alone what is normal (model.head={NORMALITY}).")
        from capsule_inspect.training.fit_normality import fit_on_good as fit
    else:
        from capsule_inspect.training.fit import fit_and_show as fit

    try:
        with FolderLock(run.path, warn=reporter.warn):
            metrics = fit(settings, data, run, reporter)
    except HeldError:
        raise UsageError(
            f"Another process is training in '{run.path}'. Wait until it is done, or stop it first."
        ) from None
    return TrainResult(run.path, Path(settings.data.dir), run.model, metrics)


def _train_study(
    settings: Settings, data: DataSet, run: RunFolder, reporter: Reporter
) -> TrainResult:
    from capsule_inspect.training.calibrate import calibrate
    from capsule_inspect.training.fit_members import fit_members
    from capsule_inspect.training.study import make_study

    study = make_study(run.path, settings)
    reporter.say(f"Cross-validating with {len(study.members)} runs in {run.path}.")
    if unlearned := study.unlearned_classes(data):
        reporter.warn(
            f"All pictures of {', '.join(unlearned)} are in one fold, so the network that judges "
            "them learns nothing of it. Add pictures of it that are no copies, or leave it out."
        )
    elsewhere = tuple(each.run.path.name for each in fit_members(study, data, reporter))
    if not elsewhere and not study.is_calibrated:
        reporter.say("Choosing the operating points, each on the other folds.")
        total = len(data.samples) * settings.train.seeds
        with reporter.progress(total, "Looking") as advance:
            calibrate(study, data, advance)
    return TrainResult(run.path, Path(settings.data.dir), None, elsewhere=elsewhere)


def start_run(
    command: str,
    settings: Settings,
    out: Path | None,
    overrides: Sequence[str],
    changeable: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> tuple[Settings, DataSet, RunFolder]:
    """Makes a new run folder, or opens the one to resume with its own settings.

    A new one gets config.yaml and environment.json. Its window is settled: config.yaml holds the
    one that the network gets.

    Args:
        command: `train` or `tune`.
        settings: The settings asked for now.
        out: The folder to make; by default `runs/<command>/<time>-<data set>/`.
        overrides: The settings and options that were given, as `all_overrides` returns them.
        changeable: Keys of settings that may change when a run is resumed; where its pictures are
            always may.
        reporter: Told of a window that got its shape from the pictures.

    Returns:
        The settings of the run, its data set, and its folder.

    Raises:
        UsageError: The folder cannot be made; or the one to resume holds no run, or is to be
            resumed with other settings than it began with.
        ConfigError: There is no encoder of that name; or the config.yaml of the folder to resume
            is damaged.
        DataError: The data set cannot be read, or is not the one that the run began with.
    """
    if value_of(settings, f"{command}.resume"):
        return _resume(command, settings, out, overrides, changeable)
    return _begin(command, settings, out, overrides, reporter)


def _begin(
    command: str,
    settings: Settings,
    out: Path | None,
    overrides: Sequence[str],
    reporter: Reporter,
) -> tuple[Settings, DataSet, RunFolder]:
    _require_encoders(settings)
    data = read_dataset(Path(settings.data.dir), settings.data.root)
    settings = _settle_head(command, settings, data)
    shape, settings = settings.model.roi_shape, settle_window(settings, data)
    if settings.model.roi_shape != shape:
        roi = settings.model.roi
        reporter.say(f"The window has the shape of the pictures: {roi.width} x {roi.height} px.")
    # Only now, so that a typo leaves no folder behind.
    run = RunFolder(new_run_folder(command, base_name(settings.data.dir), out))
    # With the passwords: a search that is resumed needs that of its storage.
    write_text(run.config, to_yaml(settings))
    write_environment(run.path, look_around(command, overrides, data))
    return settings, data, run


def _settle_head(command: str, settings: Settings, data: DataSet) -> Settings:
    """Chooses the head that learns from good pictures alone where there are no others.

    Raises:
        UsageError: The command, or a cross-validation, cannot learn from them.
    """
    only_good = {sample.label for sample in data.of_split("train")} == {GOOD}
    if settings.model.head != NORMALITY:
        if not only_good or command != "train" or settings.train.folds:
            return settings
        return replace(settings, model=replace(settings.model, head=NORMALITY))
    if command != "train" or settings.train.folds:
        asked = "train.folds" if command == "train" else f"`{command}`"
        raise UsageError(
            f"{asked} needs a network that learns by gradients, and model.head={NORMALITY} does "
            f"not. Leave {asked} away, or choose another head."
        )
    return settings


def _require_encoders(settings: Settings) -> None:
    require_encoder(settings.model.encoder)
    for dimension in settings.space.dimensions:
        if dimension.key == "model.encoder":
            for name in dimension.choices:
                require_encoder(name)


def _resume(
    command: str,
    asked: Settings,
    out: Path | None,
    overrides: Sequence[str],
    changeable: Sequence[str],
) -> tuple[Settings, DataSet, RunFolder]:
    """Opens a run with its own settings, changed where that is allowed."""
    key = f"{command}.resume"
    run = RunFolder(Path(value_of(asked, key)))
    if not run.config.is_file():
        raise UsageError(
            f"There is nothing to resume in '{run.path}': it holds no config.yaml. "
            f"Give the run folder of an interrupted `{command}`."
        )
    may_change = ("data.dir", "data.root", *changeable)
    given = dict.fromkeys(overridden_key(text) for text in overrides)
    refused = [OPTIONS.get(name, name) for name in given if name not in (key, *may_change)]
    if out is not None:
        refused.append("--out")
    if refused:
        *others, last = (OPTIONS.get(name, name) for name in may_change)
        raise UsageError(
            f"'{run.path}' keeps its folder and the settings it began with. Leave out "
            f"{', '.join(refused)}. With --resume you can change {', '.join(others)} and {last}."
        )
    stored = with_value(read_settings(run.config), key, str(run.path))
    for name in may_change:
        if name in given:
            stored = with_value(stored, name, value_of(asked, name))
    data = read_dataset(Path(stored.data.dir), stored.data.root)
    require_same_data(run.path, data, stored.data.dir)
    return stored, data, run
