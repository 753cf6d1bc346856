"""What the folder of `train` says: of a single run, or of a study."""

from collections.abc import Mapping
from pathlib import Path

from capsule_inspect.runs.run import MetricValue, RunStatus, State
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.runs.score import score
from capsule_inspect.runs.stored import (
    metric_values,
    number,
    read_json,
    read_rows,
    read_settings,
    require_columns,
    whole_number,
)

_PREFIX = "val_"


def read_train(path: Path) -> RunStatus:
    """Reads the folder of a run or study.

    The metrics of a finished run are those at its operating point. Those of another are of its last
    validation, of the best where training may stop early; those of a study are the rates that its
    decision.json expects.

    Raises:
        DataError: A file is damaged.
    """
    run = RunFolder(path)
    settings = read_settings(run.config)
    if whole_number(settings, "train.folds"):
        return _read_study(run, settings)
    rows = read_rows(run.history) if run.history.exists() else []
    require_columns(run.history, rows, "epoch", f"{_PREFIX}accuracy")
    planned = whole_number(settings, "train.epochs") + whole_number(settings, "train.frozen_epochs")
    finished = run.decision.is_file()
    counts = {"epochs": len(rows), "planned_epochs": planned}
    note = f"{len(rows)} of {planned} epochs"
    if finished:
        read_json(run.decision)
        if not run.model.is_file():
            return RunStatus("damaged", f"{run.model.name} is missing", counts=counts)
    state: State = "finished" if finished else "unfinished"
    if run.validation.is_file():
        metrics = metric_values(read_json(run.validation), "metrics", run.validation)
        return RunStatus(state, note, "validation split", metrics, counts)
    validated = [row for row in rows if row[f"{_PREFIX}accuracy"]]
    if not validated:
        return RunStatus(state, note, counts=counts)
    epochs = [(row["epoch"], _validated(row, run.history)) for row in validated]
    epoch, chosen = (
        max(epochs, key=lambda each: score({m.name: m.value for m in each[1]}))
        if run.best.exists()
        else epochs[-1]
    )
    return RunStatus(state, note, f"val, epoch {epoch}", chosen, counts)


def _validated(row: Mapping[str, str], history: Path) -> tuple[MetricValue, ...]:
    names = [name for name in row if name.startswith(_PREFIX) and row[name]]
    return tuple(
        MetricValue(name.removeprefix(_PREFIX), number(row, name, history)) for name in names
    )


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
