"""What the folder of `train` says: of a single run, or of a study."""

from collections.abc import Mapping
from pathlib import Path

from capsule_inspect.runs.run import Figure, Findings, State
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.runs.stored import (
    figures_of,
    number,
    read_json,
    read_rows,
    read_settings,
    require_columns,
    whole_number,
)

_PREFIX = "val_"


def read_train(path: Path) -> Findings:
    """Reads the folder of a run or study.

    The figures of a finished run are those at its operating point. Those of another are of its last
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
            return Findings("damaged", f"{run.model.name} is missing", counts=counts)
    state: State = "finished" if finished else "unfinished"
    if run.validation.is_file():
        figures = figures_of(read_json(run.validation), "metrics", run.validation)
        return Findings(state, note, "validation split", figures, counts)
    validated = [row for row in rows if row[f"{_PREFIX}accuracy"]]
    if not validated:
        return Findings(state, note, counts=counts)
    epochs = [(row["epoch"], _figures(row, run.history)) for row in validated]
    epoch, chosen = (
        max(epochs, key=lambda each: _score(each[1])) if run.best.exists() else epochs[-1]
    )
    return Findings(state, note, f"val, epoch {epoch}", chosen, counts)


def _figures(row: Mapping[str, str], history: Path) -> tuple[Figure, ...]:
    names = [name for name in row if name.startswith(_PREFIX) and row[name]]
    return tuple(Figure(name.removeprefix(_PREFIX), number(row, name, history)) for name in names)


def _score(figures: tuple[Figure, ...]) -> float:
    """Returns what training goes by where it may stop early; see `training.score`."""
    parts = [each.value for each in figures if each.name in ("accuracy", "dice")]
    return sum(parts) / len(parts)


def _read_study(run: RunFolder, settings: Mapping[str, object]) -> Findings:
    planned = whole_number(settings, "train.folds") * whole_number(settings, "train.seeds")
    done = sum(RunFolder(member).decision.is_file() for member in run.path.glob("seed-*-fold-*"))
    counts = {"folds": done, "planned_folds": planned}
    note = f"{done} of {planned} folds"
    if not run.decision.is_file():
        return Findings("unfinished", note, counts=counts)
    point = read_json(run.decision).get("operating_point")
    figures = figures_of(point if isinstance(point, dict) else {}, "expected", run.decision)
    return Findings("finished", note, "out of fold" if figures else "", figures, counts)
