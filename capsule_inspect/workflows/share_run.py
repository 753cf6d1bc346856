"""Share a study or a search with the workers of a cluster."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from capsule_inspect.choices import BACKENDS
from capsule_inspect.errors import ClusterError, InterruptedRunError
from capsule_inspect.files import hash_file
from capsule_inspect.inference.cores import available_cores
from capsule_inspect.reporter import Reporter
from capsule_inspect.runs.environment import package_versions
from capsule_inspect.runs.find_runs import read_tune
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import Settings
from capsule_inspect.text import command_line

if TYPE_CHECKING:
    from capsule_inspect.cluster.share_run import Parts
    from capsule_inspect.cluster.take_part import Invitation

_DECIDING: Final = ("numpy", "keras", "optuna", "albumentations", "scikit-learn")
"""Packages on which figures depend, besides the backend of Keras, by their names in pip."""
_CORES: Final = 4
"""Cores of this machine for each local worker."""


def share_run(
    command: str, settings: Settings, run: RunFolder, scheduler: str, reporter: Reporter
) -> None:
    """Lets the workers of a cluster do what is left of a study or a search.

    Args:
        command: `train` or `tune`.
        settings: All settings.
        run: The run folder, which all workers see under the same path.
        scheduler: `local`, or the address of a Dask scheduler.
        reporter: Follows the progress.

    Raises:
        ClusterError: The scheduler or its workers are lost or cannot take part, or what they do
            fails; the message says how to go on.
        InterruptedRunError: The user stopped it; the message says how to resume it.
    """
    from capsule_inspect.cluster import share_run as cluster

    parts = _study(settings, run) if command == "train" else _search(settings, run)
    left = parts.total - parts.done()
    if left <= 0:
        return
    changed = (f"tune.trials={parts.total}",) if command == "tune" else ()
    resume = command_line(command, "--resume", run.path, *changed, "--scheduler", scheduler)
    try:
        with cluster.held_folder(run.path.resolve()) as held:
            invitation = _invite(_arguments(command, settings, run, changed), run, held)
            jobs = min(left, max(2, available_cores() // _CORES))
            cluster.share_run(scheduler, jobs, invitation, parts, reporter)
    except ClusterError as error:
        raise ClusterError(f"{error} What is finished is saved; go on with: {resume}") from error
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Stopped; what is finished is saved. Resume with: {resume}"
        ) from None


def _study(settings: Settings, run: RunFolder) -> "Parts":
    from capsule_inspect.cluster.share_run import Parts
    from capsule_inspect.training.study import make_study

    members = make_study(run.path, settings).members
    return Parts("runs", len(members), lambda: sum(each.is_finished for each in members))


def _search(settings: Settings, run: RunFolder) -> "Parts":
    from capsule_inspect.cluster.share_run import Parts

    return Parts("trials", settings.tune.trials, lambda: read_tune(run.path).counts["trials"])


def _arguments(
    command: str, settings: Settings, run: RunFolder, changed: tuple[str, ...]
) -> dict[str, Any]:
    """Returns the command that takes part, and its arguments by their names in Python."""
    return {
        "command": command,
        "arguments": {
            "data": settings.data.dir,
            "data_root": settings.data.root or None,
            "resume": str(run.path.resolve()),
            "overrides": changed,
        },
    }


def _invite(arguments: dict[str, Any], run: RunFolder, held: Path) -> "Invitation":
    from capsule_inspect.cluster.take_part import Invitation

    backend = os.environ.get("KERAS_BACKEND", BACKENDS[0])
    installed = package_versions()
    return Invitation(
        packages={name: installed[name] for name in (backend, *_DECIDING) if name in installed},
        folder=str(Path.cwd()),
        run=str(run.path.resolve()),
        config_sha256=hash_file(run.config),
        held=str(held),
        arguments=("-m", "capsule_inspect.workflows.take_part", json.dumps(arguments)),
        environment={"KERAS_BACKEND": backend},
    )
