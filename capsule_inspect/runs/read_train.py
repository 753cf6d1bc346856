"""What the folder of `train` says: of a single run, or of a study."""

from collections.abc import Mapping
from pathlib import Path

from capsule_inspect.runs.history import read_history
from capsule_inspect.runs.run import MetricValue, RunStatus, State
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.runs.score import score
from capsule_inspect.runs.stored import metric_values, read_json, read_settings, whole_number


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
    epochs = read_history(run.history)
    planned = whole_number(settings, "train.epochs") + whole_number(settings, "train.frozen_epochs")
    finished = run.decision.is_file()
    counts = {"epochs": len(epochs), "planned_epochs": planned}
    note = f"{len(epochs)} of {planned} epochs"
    if finished:
        read_json(run.decision)
        if not run.model.is_file():
            return RunStatus("damaged", f"{run.model.name} is missing", counts=counts)
    state: State = "finished" if finished else "unfinished"
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
