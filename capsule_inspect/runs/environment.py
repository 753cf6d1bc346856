"""environment.json: what a run was made with, beside its settings."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from capsule_inspect import __version__
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.passwords import mask_passwords
from capsule_inspect.replacing import replace_json
from capsule_inspect.runs.git_state import GitState, read_git_state
from capsule_inspect.runs.package_versions import package_versions

ENVIRONMENT_FILE = "environment.json"


@dataclass(frozen=True)
class Environment:
    """What a run was made with.

    Attributes:
        command: `train`, `tune` or `evaluate`.
        overrides: The settings given on the command line, passwords masked.
        began: When it began, in ISO 8601 with the time zone.
        tool_version: Version of this package.
        python: Version of Python.
        platform: Operating system and processor.
        packages: Versions by name of the packages that are installed and matter.
        keras_backend: KERAS_BACKEND; None where it is not set and Keras was not needed.
        git: State of the working directory, if it lies in a repository.
        pictures_sha256: Identifies all pictures of the data set.
        training_sha256: Identifies those of its training split.
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


def look_around(command: str, overrides: Sequence[str], data: DataSet) -> Environment:
    """Returns the environment of a run that begins now.

    Args:
        command: Name of the command.
        overrides: The settings given on the command line.
        data: The data set it works on.
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
    )


def write_environment(folder: Path, environment: Environment) -> None:
    """Writes environment.json into a run folder."""
    replace_json(folder / ENVIRONMENT_FILE, asdict(environment))
