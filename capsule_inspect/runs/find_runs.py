"""Finding run folders, and reading their status."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from capsule_inspect.choices import GOOD, RUN_COMMANDS, RunState
from capsule_inspect.errors import DataError
from capsule_inspect.inference.results_folder import ResultsFolder
from capsule_inspect.runs.environment import ENVIRONMENT_FILE
from capsule_inspect.runs.history import read_history
from capsule_inspect.runs.run import MetricValue, Run, RunStatus, score
from capsule_inspect.runs.run_folder import MEMBER, TIME_FORMAT, RunFolder
from capsule_inspect.runs.stored import (
    metric_values,
    number,
    read_config,
    read_json,
    read_rows,
    require_columns,
    whole_number,
)

_METRICS = "metrics.json"


def read_evaluate(path: Path) -> RunStatus:
    """Reads the status of an evaluation: its metrics and their split.

    Raises:
        DataError: metrics.json is damaged.
    """
    file = path / _METRICS
    if not file.exists():
        return RunStatus("unfinished", f"no {_METRICS} yet")
    document = read_json(file)
    metrics = metric_values(document, "metrics", file)
    n = document.get("n")
    counts = {"pictures": n} if type(n) is int else {}
    pictures = f", n={n}" if counts else ""
    return RunStatus(
        "finished", measured_on=f"{document.get('split')}{pictures}", metrics=metrics, counts=counts
    )


def read_predict(path: Path) -> RunStatus:
    """Reads the status of a batch: its number of rows, and of defective ones.

    The state is None: the folder does not tell whether every picture has a row yet.

    Raises:
        DataError: A file is damaged.
    """
    folder = ResultsFolder(path)
    if folder.run_file.exists():
        read_json(folder.run_file)
    if not folder.records.exists():
        return RunStatus("unfinished", "no rows yet")
    rows = read_rows(folder.records)
    require_columns(folder.records, rows, "label")
    defective = sum(row["label"] not in ("", GOOD) for row in rows)
    return RunStatus(
        None,
        f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}, {defective} defective",
        counts={"rows": len(rows), "defective": defective},
    )


def read_train(path: Path) -> RunStatus:
    """Reads the status of a training run or study.

    The metrics of a finished run hold at its operating point. An unfinished run shows its last
    validation, or the best one if it uses early stopping. A study shows the expected error rates of
    its decision.json.

    Raises:
        DataError: A file is damaged.
    """
    run = RunFolder(path)
    settings = read_config(run.config)
    if whole_number(settings, "train.folds"):
        return _read_study(run, settings)
    epochs = read_history(run.history)
    planned = whole_number(settings, "train.epochs") + whole_number(settings, "train.frozen_epochs")
    finished = run.decision.is_file()
    counts = {"epochs": len(epochs), "planned_epochs": planned}
    note = f"{len(epochs)} of {planned} epochs"
    if finished:
        read_json(run.decision)
        if not run.model.is_file():
            return RunStatus("damaged", f"{run.model.name} is missing", counts=counts)
    state: RunState = "finished" if finished else "unfinished"
    if run.validation.is_file():
        metrics = metric_values(read_json(run.validation), "metrics", run.validation)
        return RunStatus(state, note, "validation split", metrics, counts)
    validated = [epoch for epoch in epochs if epoch.metrics]
    if not validated:
        return RunStatus(state, note, counts=counts)
    keeps_best = run.best.exists()
    chosen = max(validated, key=lambda each: score(each.metrics)) if keeps_best else validated[-1]
    metrics = tuple(MetricValue(name, value) for name, value in chosen.metrics.items())
    return RunStatus(state, note, f"val, epoch {chosen.number}", metrics, counts)


def _read_study(run: RunFolder, settings: Mapping[str, object]) -> RunStatus:
    planned = whole_number(settings, "train.folds") * whole_number(settings, "train.seeds")
    done = sum(member.decision.is_file() for member in run.members())
    counts = {"folds": done, "planned_folds": planned}
    note = f"{done} of {planned} folds"
    if not run.decision.is_file():
        return RunStatus("unfinished", note, counts=counts)
    point = read_json(run.decision).get("operating_point")
    metrics = metric_values(point if isinstance(point, dict) else {}, "expected", run.decision)
    return RunStatus("finished", note, "out of fold" if metrics else "", metrics, counts)


_TABLE = "trials.csv"
_FINISHED = ("complete", "pruned")


def read_tune(path: Path) -> RunStatus:
    """Reads the status of a search: its best score, and its number of finished trials.

    Raises:
        DataError: A file is damaged.
    """
    planned = whole_number(read_config(RunFolder(path).config), "tune.trials")
    table = path / _TABLE
    rows = read_rows(table) if table.exists() else []
    require_columns(table, rows, "state", "score")
    done = sum(row["state"] in _FINISHED for row in rows)
    scores = [number(row, "score", table) for row in rows if row["state"] == "complete"]
    best = f", best score {max(scores):.3f}" if scores else ""
    return RunStatus(
        state="finished" if done >= planned else "unfinished",
        note=f"{done} of {planned} trials{best}",
        measured_on="val" if scores else "",
        metrics=(MetricValue("score", max(scores)),) if scores else (),
        counts={"trials": done, "planned_trials": planned},
    )


_READERS: dict[str, Callable[[Path], RunStatus]] = {
    "train": read_train,
    "tune": read_tune,
    "evaluate": read_evaluate,
    "predict": read_predict,
}
_FILES_OF = {
    "predict": {"predictions.csv"},
    "evaluate": {_METRICS, "out_of_fold.csv"},
    "tune": {_TABLE, "study.db"},
    "train": {"checkpoint.keras", "history.csv", "decision.json"},
}
"""Files that identify the command of a folder without environment.json; the first match counts."""

_STAMPED = re.compile(r"(\d{8}-\d{6})(?:-(.+))?")
_PARTS = re.compile(rf"{MEMBER}|trial-\d+|overlays|masks|tensorboard")
"""Subfolders of a run folder that are not searched for runs."""


def find_runs(root: Path) -> list[Run]:
    """Finds the runs in a folder and its subfolders, newest first.

    Damaged and unfinished runs are included; their status says so. Symbolic links are not followed.

    Args:
        root: The folder to search; it may be a run folder itself.
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
    """Reads a run folder; returns None if the folder is not one."""
    real = folder.resolve()
    stamped = _STAMPED.fullmatch(real.name)
    began, command, damage = None, "", ""
    if ENVIRONMENT_FILE in names:
        try:
            began, command = _read_environment(folder / ENVIRONMENT_FILE)
        except DataError as error:
            damage = str(error)
    command = command or next(_guesses(names), "")
    if not command and stamped and real.parent.name in RUN_COMMANDS:
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
    if command not in RUN_COMMANDS:
        raise DataError(f"{file.name} is damaged: it does not say which command made the run")
    return began, str(command)


def _guesses(names: Collection[str]) -> Iterator[str]:
    present = set(names)
    for command, files in _FILES_OF.items():
        if present & files:
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
    """Returns the time in a folder's name, or else the oldest modification time of its files."""
    try:
        return datetime.strptime(stamp, TIME_FORMAT).astimezone()
    except ValueError:
        pass
    files = [path for path in folder.iterdir() if path.is_file()]
    return datetime.fromtimestamp(min(f.stat().st_mtime for f in [*files, folder])).astimezone()


def _unreadable(folder: Path, error: OSError) -> Run:
    status = RunStatus("damaged", f"the folder cannot be read: {error.strerror}")
    return Run(folder, "", datetime.fromtimestamp(0).astimezone(), folder.name, status)
