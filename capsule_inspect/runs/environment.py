"""The environment of a run: versions, git commit and data."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from capsule_inspect import __version__
from capsule_inspect.errors import DataError
from capsule_inspect.files import write_json
from capsule_inspect.text import mask_passwords

if TYPE_CHECKING:
    from capsule_inspect.dataset.data_set import DataSet

_GIT_TIMEOUT = 5
"""Seconds; a repository on a slow disk must not delay a run."""


@dataclass(frozen=True)
class GitState:
    """The state of a git repository.

    Attributes:
        commit: Full hash of the current commit.
        dirty: Whether tracked files differ from the commit; None if git took too long to tell.
    """

    commit: str
    dirty: bool | None


def read_git_state() -> GitState | None:
    """Reads the git state of the working directory.

    Returns:
        None outside a repository, before its first commit, or without git.
    """
    commit = _git("rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return GitState(commit, None if changes is None else bool(changes))


def _git(*arguments: str) -> str | None:
    """Returns the output of a git command; None if it failed."""
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  (the arguments are ours)
            [program, *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_GIT_TIMEOUT,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()


_PACKAGES = (
    *("numpy", "opencv-python-headless", "opencv-python", "ai-edge-litert", "tflite-runtime"),
    *("hydra-core", "tensorflow", "keras", "jax", "optuna", "albumentations", "scikit-learn"),
)


def package_versions() -> dict[str, str]:
    """Returns the versions of the installed packages by their names in pip; imports none."""
    found = ((name, _version(name)) for name in _PACKAGES)
    return {name: installed for name, installed in found if installed}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


ENVIRONMENT_FILE = "environment.json"


@dataclass(frozen=True)
class Environment:
    """The code, packages and data of a run.

    Attributes:
        command: `train`, `tune` or `evaluate`.
        overrides: The settings given on the command line, options such as --data among them by
            their keys, with masked passwords.
        began: Start time, in ISO 8601 with the time zone.
        tool_version: Version of this package.
        python: Version of Python.
        platform: Operating system and processor.
        packages: Versions of the relevant installed packages, by name.
        keras_backend: The variable KERAS_BACKEND; None if it is not set.
        git: Git state of the working directory; None outside a repository.
        pictures_sha256: SHA-256 that identifies all pictures of the data set.
        training_sha256: SHA-256 that identifies the pictures of its training split.
        data_sha256: SHA-256 of all that the run learns from, labels, splits and masks included.
    """

    command: str
    overrides: tuple[str, ...]
    began: str
    tool_version: str
    python: str
    platform: str
    packages: Mapping[str, str]
    keras_backend: str | None
    git: GitState | None
    pictures_sha256: str
    training_sha256: str
    data_sha256: str


def look_around(command: str, overrides: Sequence[str], data: "DataSet") -> Environment:
    """Returns the environment of a run that starts now.

    Args:
        command: Name of the command.
        overrides: The settings given on the command line.
        data: The data set of the run.
    """
    return Environment(
        command=command,
        overrides=tuple(mask_passwords(text) for text in overrides),
        began=datetime.now().astimezone().isoformat(timespec="seconds"),
        tool_version=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        packages=package_versions(),
        keras_backend=os.environ.get("KERAS_BACKEND"),
        git=read_git_state(),
        pictures_sha256=data.pictures_sha256,
        training_sha256=data.training_sha256,
        data_sha256=data.data_sha256,
    )


def write_environment(folder: Path, environment: Environment) -> None:
    """Writes environment.json into a run folder."""
    write_json(folder / ENVIRONMENT_FILE, asdict(environment))


def require_same_data(folder: Path, data: "DataSet", name: str) -> None:
    """Checks that a run goes on with the data that it began with.

    Args:
        folder: The run folder. One of an older version does not tell, and passes.
        data: The data set.
        name: Its folder, for people.

    Raises:
        DataError: The run began with other data.
    """
    try:
        began_with = json.loads((folder / ENVIRONMENT_FILE).read_bytes()).get("data_sha256")
    except (OSError, ValueError):
        return
    if began_with not in (None, data.data_sha256):
        raise DataError(
            f"The data set '{name}' is not the one that '{folder}' began with: pictures, labels, "
            "splits or masks differ. Give that one with --data, or begin a new run."
        )
