"""Finding run folders, and reading what they say."""

import os
import re
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path

from capsule_inspect.errors import DataError
from capsule_inspect.runs.environment import ENVIRONMENT_FILE
from capsule_inspect.runs.new_folder import TIME_FORMAT
from capsule_inspect.runs.read_evaluate import read_evaluate
from capsule_inspect.runs.read_predict import read_predict
from capsule_inspect.runs.read_train import read_train
from capsule_inspect.runs.read_tune import read_tune
from capsule_inspect.runs.run import COMMANDS, Run, RunStatus
from capsule_inspect.runs.run_folder import MEMBER
from capsule_inspect.runs.stored import read_json

_READERS: dict[str, Callable[[Path], RunStatus]] = {
    "train": read_train,
    "tune": read_tune,
    "evaluate": read_evaluate,
    "predict": read_predict,
}
_MARKS = {
    "predict": {"predictions.csv"},
    "evaluate": {"metrics.json", "out_of_fold.csv"},
    "tune": {"trials.csv", "study.db"},
    "train": {"checkpoint.keras", "history.csv", "decision.json"},
}
"""Files by which a folder without environment.json is told, the first that fits."""

_STAMPED = re.compile(r"(\d{8}-\d{6})(?:-(.+))?")
_PARTS = re.compile(rf"{MEMBER}|trial-\d+|overlays|masks|tensorboard")
"""Folders inside run folders that hold no runs of their own."""


def find_runs(root: Path) -> list[Run]:
    """Returns the runs in a folder and below it, the newest first.

    A run that is damaged or half written is among them and says so. Links are not followed.

    Args:
        root: Any folder; one of a run itself stands for that run and those inside it.
    """
    runs: list[Run] = []
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                kinds = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
            run = _read_run(folder, kinds)
        except OSError as error:
            runs.append(_unreadable(folder, error))
            continue
        if run:
            runs.append(run)
        waiting.extend(
            folder / name
            for name, is_folder in kinds.items()
            if is_folder and not name.startswith(".") and not (run and _PARTS.fullmatch(name))
        )
    return sorted(runs, key=lambda run: (run.began, str(run.path)), reverse=True)


def _read_run(folder: Path, names: Collection[str]) -> Run | None:
    """Reads a folder; None if it is no run."""
    real = folder.resolve()
    stamped = _STAMPED.fullmatch(real.name)
    began, command, damage = None, "", ""
    if ENVIRONMENT_FILE in names:
        try:
            began, command = _read_environment(folder / ENVIRONMENT_FILE)
        except DataError as error:
            damage = str(error)
    command = command or next(_guesses(names), "")
    if not command and stamped and real.parent.name in COMMANDS:
        command = real.parent.name
    if not command and not damage:
        return None
    return Run(
        path=folder,
        command=command,
        began=began or _time_of(folder, stamped.group(1) if stamped else ""),
        name=(stamped.group(2) if stamped else None) or real.name,
        status=RunStatus("damaged", damage) if damage else _read_status(folder, command, names),
    )


def _read_environment(file: Path) -> tuple[datetime, str]:
    document = read_json(file)
    try:
        began = datetime.fromisoformat(str(document.get("began"))).astimezone()
    except (ValueError, OverflowError) as error:
        raise DataError(f"{file.name} is damaged: it does not say when the run began") from error
    command = document.get("command")
    if command not in COMMANDS:
        raise DataError(f"{file.name} is damaged: it does not say which command made the run")
    return began, str(command)


def _guesses(names: Collection[str]) -> Iterator[str]:
    present = set(names)
    for command, marks in _MARKS.items():
        if present & marks:
            yield command
    if any(re.fullmatch(MEMBER, name) for name in names):
        yield "train"


def _read_status(folder: Path, command: str, names: Collection[str]) -> RunStatus:
    if not names:
        return RunStatus("unfinished", "the folder is empty")
    try:
        return _READERS[command](folder)
    except DataError as error:
        return RunStatus("damaged", str(error))


def _time_of(folder: Path, stamp: str) -> datetime:
    """Returns the time in a folder's name, else when its oldest file was last written."""
    try:
        return datetime.strptime(stamp, TIME_FORMAT).astimezone()
    except ValueError:
        pass
    files = [path for path in folder.iterdir() if path.is_file()]
    return datetime.fromtimestamp(min(f.stat().st_mtime for f in [*files, folder])).astimezone()


def _unreadable(folder: Path, error: OSError) -> Run:
    status = RunStatus("damaged", f"the folder cannot be read: {error.strerror}")
    return Run(folder, "", datetime.fromtimestamp(0).astimezone(), folder.name, status)
