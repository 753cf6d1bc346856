"""Train a network or a study."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
from rich.progress import Progress

from capsule_inspect.cli.console import progress_bar, say
from capsule_inspect.runs.history import VALIDATION
from capsule_inspect.settings.groups import TrainSettings
from capsule_inspect.training.fit import Watcher

if TYPE_CHECKING:
    from capsule_inspect.dataset.data_set import DataSet
    from capsule_inspect.runs.run_folder import RunFolder
    from capsule_inspect.settings.groups import Settings


def start_run(
    command: str,
    settings: "Settings",
    out: Path | None,
    overrides: Sequence[str],
    changeable: Sequence[str] = (),
) -> "tuple[Settings, DataSet, RunFolder]":
    """Makes a new run folder, or opens the one that `COMMAND.resume` names with its own settings.

    A new one gets config.yaml and environment.json.

    Args:
        command: `train` or `tune`.
        settings: What was asked for now.
        out: The folder to make; by default `runs/<command>/<time>-<data set>/`.
        overrides: The settings given on the command line.
        changeable: Keys of settings that may change when a run is gone on with; where its pictures
            are always may.

    Returns:
        The settings of the run, its data set, and its folder.

    Raises:
        UsageError: The folder cannot be made; or the one to go on with holds no run, or is to go on
            with other settings than it began with.
        ConfigError: There is no encoder of that name; or the config.yaml of the folder to go on
            with is damaged.
        DataError: The data set cannot be read.
    """
    from capsule_inspect.settings.keys import value_of

    if value_of(settings, f"{command}.resume"):
        return _resume(command, settings, out, overrides, changeable)
    return _begin(command, settings, out, overrides)


def _begin(
    command: str, settings: "Settings", out: Path | None, overrides: Sequence[str]
) -> "tuple[Settings, DataSet, RunFolder]":
    from capsule_inspect.dataset.data_set import read_dataset
    from capsule_inspect.files import write_text
    from capsule_inspect.runs.environment import look_around, write_environment
    from capsule_inspect.runs.run_folder import RunFolder, base_name, new_run_folder
    from capsule_inspect.settings.yaml_text import to_yaml

    _require_encoders(settings)
    data = read_dataset(Path(settings.data.dir), settings.data.root)
    # Only now, so that a slip leaves no folder behind.
    run = RunFolder(new_run_folder(command, base_name(settings.data.dir), out))
    # With the passwords: a search that goes on needs that of its storage.
    write_text(run.config, to_yaml(settings))
    write_environment(run.path, look_around(command, overrides, data))
    return settings, data, run


def _require_encoders(settings: "Settings") -> None:
    from capsule_inspect.model.encoders.registry import require_encoder

    require_encoder(settings.model.encoder)
    for dimension in settings.space.dimensions:
        if dimension.key == "model.encoder":
            for name in dimension.choices:
                require_encoder(name)


def _resume(
    command: str,
    asked: "Settings",
    out: Path | None,
    overrides: Sequence[str],
    changeable: Sequence[str],
) -> "tuple[Settings, DataSet, RunFolder]":
    """Opens a run with the settings that it began with, and those of now that may change."""
    from capsule_inspect.dataset.data_set import read_dataset
    from capsule_inspect.errors import UsageError
    from capsule_inspect.runs.run_folder import RunFolder
    from capsule_inspect.settings.keys import value_of, with_value
    from capsule_inspect.settings.yaml_text import read_settings

    key = f"{command}.resume"
    run = RunFolder(Path(value_of(asked, key)))
    if not run.config.is_file():
        raise UsageError(
            f"There is nothing to resume in '{run.path}': it holds no config.yaml. "
            f"Give the run folder of an interrupted `{command}`."
        )
    may_change = ("data.dir", "data.root", *changeable)
    given = [text.split("=", 1)[0] for text in overrides]
    refused = [name for name in given if name not in (key, *may_change)]
    if refused or out is not None:
        raise UsageError(
            f"'{run.path}' goes on with the settings and in the folder it began with; leave out "
            f"{', '.join(refused) or '--out'}. Beside {key}, {', '.join(may_change)} may be given."
        )
    stored = with_value(read_settings(run.config), key, str(run.path))
    for name in {name for name in given if name in may_change} | {"data.root"}:
        if (value := value_of(asked, name)) != "":
            stored = with_value(stored, name, value)
    return stored, read_dataset(Path(stored.data.dir), stored.data.root), run


@contextmanager
def watch_training(settings: TrainSettings, name: str = "") -> Iterator[Watcher]:
    """Shows a bar over all steps to a person, and a line per epoch to everyone.

    Args:
        settings: Of the run.
        name: Put before each line, where there are several runs.
    """
    prefix = f"{name}: " if name else ""
    with progress_bar("steps") as bar:
        yield Watcher(
            lambda sentence: say(f"{prefix}{sentence}"), (_ShowProgress(bar, settings, prefix),)
        )


class _ShowProgress(keras.callbacks.Callback):
    def __init__(self, bar: Progress, settings: TrainSettings, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix
        self._bar, self._steps = bar, settings.steps
        self._epochs = settings.frozen_epochs + settings.epochs
        self._task = bar.add_task("Training", total=self._epochs * settings.steps)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        del logs
        text = f"Epoch {epoch + 1}/{self._epochs}"
        self._bar.update(self._task, description=text, completed=epoch * self._steps)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        del batch, logs
        self._bar.advance(self._task)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = {name.removeprefix(VALIDATION): value for name, value in (logs or {}).items()}
        shown = ("loss", "accuracy", "presence_accuracy", "auroc", "dice")
        text = ", ".join(f"{name} {values[name]:.3f}" for name in shown if name in values)
        say(f"{self._prefix}Epoch {epoch + 1} of {self._epochs}: {text}")
