"""Searching hyper-parameters with Optuna."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from capsule_inspect.errors import DataError, InterruptedRunError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.dotted import Value
from capsule_inspect.settings.settings import Settings
from capsule_inspect.training.note import Note
from capsule_inspect.training.search_report import best_trial, write_search_report
from capsule_inspect.training.search_space import trial_settings
from capsule_inspect.training.search_storage import explain_storage_errors, open_search
from capsule_inspect.training.trial_reporter import TrialReporter
from capsule_inspect.training.trials import ClaimedTrial, claim_trial, give_back, run_lock

RunTrial = Callable[[Settings, RunFolder, TrialReporter], float]
"""Runs a trial with its settings in its folder, reports after each epoch, and returns its score."""


@dataclass(frozen=True)
class Tuned:
    """What a worker leaves a search with.

    Attributes:
        best: The best trial's settings, by dotted key; empty while no trial is complete.
        score: Its score; NaN while no trial is complete.
        finished: Number of finished trials of the study, pruned ones included.
        running: Number of trials that other workers still run.
        study: All trials, for figures.
    """

    best: dict[str, Value]
    score: float
    finished: int
    running: int
    study: optuna.Study


def tune(settings: Settings, run: RunFolder, note: Note, run_trial: RunTrial) -> Tuned:
    """Works on a study until all its trials are finished or taken by other workers.

    Any number of processes may do so at once with the same run folder. What was found is written
    there after every trial, as `search_report` says.

    Args:
        settings: All settings; those that are searched are replaced in each trial.
        run: Where study and trials go.
        note: Told in sentences what goes on.
        run_trial: Runs a trial.

    Raises:
        ConfigError: The storage cannot be used, or settings of a trial do not go together.
        DataError: Not one trial could be completed.
        InterruptedRunError: The user stopped the search; the message says how to go on.
    """
    with explain_storage_errors(settings.tune, run):
        try:
            with run_lock(run):
                study = open_search(settings.tune, run)
            while claim := claim_trial(study, run, settings):
                with claim.lock:
                    _run(claim, study, run, settings, note, run_trial)
        except (KeyboardInterrupt, InterruptedRunError):
            raise InterruptedRunError(
                "Stopped; the finished trials are saved. Go on with: "
                f"capsule-inspect tune tune.resume={run.path} tune.trials={settings.tune.trials}"
            ) from None
        tuned = _tuned(study, settings)
        with run_lock(run):
            # Again: a worker may have died between its last trial and its report.
            write_search_report(study, run, settings)
        return tuned


def _run(
    claim: ClaimedTrial,
    study: optuna.Study,
    run: RunFolder,
    settings: Settings,
    note: Note,
    run_trial: RunTrial,
) -> None:
    trial, state, value = claim.trial, TrialState.FAIL, None
    note(f"Trial {trial.number}: {_spell(claim.drawn)}")
    try:
        chosen = trial_settings(settings, claim.drawn)
        epochs = chosen.train.frozen_epochs + chosen.train.epochs
        result = run_trial(chosen, claim.folder, TrialReporter(trial, epochs, note))
        if not math.isfinite(result):
            raise optuna.TrialPruned
        state, value = TrialState.COMPLETE, result
        note(f"Trial {trial.number}: score {result:.4f}")
    except optuna.TrialPruned:
        state = TrialState.PRUNED
    except (KeyboardInterrupt, InterruptedRunError):
        give_back(study, trial.number)
        raise
    finally:
        study.tell(trial, value, state, skip_if_finished=True)
        with run_lock(run):
            write_search_report(study, run, settings)


def _tuned(study: optuna.Study, settings: Settings) -> Tuned:
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    finished = states.count(TrialState.COMPLETE) + states.count(TrialState.PRUNED)
    running = states.count(TrialState.RUNNING)
    best = best_trial(study)
    if best is None and not running:
        raise DataError(
            f"None of the {finished} trials of the study '{settings.tune.study}' could be "
            "completed. Raise tune.trials, or make the search space smaller."
        )
    params = dict(best.params) if best else {}
    value = best.value if best and best.value is not None else math.nan
    return Tuned(params, value, finished, running, study)


def _spell(drawn: Mapping[str, Value]) -> str:
    return ", ".join(
        f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in drawn.items()
    )
