"""Making a run folder, or opening one to go on with."""

from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from capsule_inspect.dataset.data_set import DataSet
    from capsule_inspect.runs.run_folder import RunFolder
    from capsule_inspect.settings.settings import Settings


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
        ConfigError: Its config.yaml is damaged.
        DataError: The data set cannot be read.
    """
    from capsule_inspect.compose import to_yaml
    from capsule_inspect.dataset.read_dataset import read_dataset
    from capsule_inspect.runs.environment import look_around, write_environment
    from capsule_inspect.runs.naming import base_name
    from capsule_inspect.runs.new_folder import new_run_folder
    from capsule_inspect.runs.run_folder import RunFolder

    resume = str(reduce(getattr, f"{command}.resume".split("."), settings))
    run = RunFolder(Path(resume))
    if resume:
        settings = _resumed(command, settings, run, out, overrides, changeable)
    data = read_dataset(Path(settings.data.dir), settings.data.root)
    if not resume:
        # Only now, so that a mistyped data set leaves no folder behind.
        run = RunFolder(new_run_folder(command, base_name(settings.data.dir), out))
        run.config.write_text(to_yaml(settings), encoding="utf-8")
        write_environment(run.path, look_around(command, overrides, data))
    return settings, data, run


def _resumed(
    command: str,
    settings: "Settings",
    run: "RunFolder",
    out: Path | None,
    overrides: Sequence[str],
    changeable: Sequence[str],
) -> "Settings":
    """Returns the settings that a run began with, and those of now that may change."""
    from capsule_inspect.compose import read_yaml
    from capsule_inspect.errors import UsageError
    from capsule_inspect.settings.dotted import with_value

    key = f"{command}.resume"
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
    stored = with_value(read_yaml(run.config), key, str(run.path))
    for name in {name for name in given if name in may_change} | {"data.root"}:
        value: Any = reduce(getattr, name.split("."), settings)
        if value != "":
            stored = with_value(stored, name, value)
    return stored
