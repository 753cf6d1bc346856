"""Search hyper-parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.cluster.connect import require_scheduler
from capsule_inspect.files import StrPath
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.settings.keys import Value, with_value
from capsule_inspect.workflows.arguments import (
    all_overrides,
    as_output,
    compose_settings,
    options_of,
)
from capsule_inspect.workflows.extras import choose_backend, import_training_stack
from capsule_inspect.workflows.share_run import share_run
from capsule_inspect.workflows.train import start_run


@dataclass(frozen=True)
class TuneResult:
    """The best settings of a search so far.

    Attributes:
        folder: The run folder of the search.
        data: The data set folder of its trials.
        best: The best trial's settings, by dotted key; empty while no trial is complete.
        score: Its score; NaN while no trial is complete.
        finished: Number of finished trials, those that were stopped early included.
        running: Number of trials that other workers still run.
        experiment: The experiment file with the best settings; None while no trial is complete.
        figures: A sentence on what was drawn; empty while no trial is complete.
    """

    folder: Path
    data: Path
    best: Mapping[str, Value]
    score: float
    finished: int
    running: int
    experiment: Path | None
    figures: str


def tune(  # noqa: PLR0913  (each choice is a parameter)
    data: StrPath | None = None,
    *,
    out: StrPath | None = None,
    data_root: StrPath | None = None,
    resume: StrPath | None = None,
    storage: str | None = None,
    overrides: Sequence[str] = (),
    config_dir: StrPath | None = None,
    scheduler: str | None = None,
    reporter: Reporter = SILENT,
) -> TuneResult:
    """Works on a search until all its trials are finished or taken by other workers.

    Args:
        data: The data set folder; by default the setting data.dir.
        out: The run folder to make; by default `runs/tune/<time>-<data set>/`.
        data_root: The folder of the pictures, if they have moved.
        resume: The run folder of a search to resume; of the settings, only tune.trials may change.
        storage: SQLAlchemy URL of the database for the trials; by default `study.db` in the run
            folder.
        overrides: Settings to change, such as `tune.trials=20`.
        config_dir: A folder of your own config groups.
        scheduler: The address of a Dask scheduler, such as `tcp://host:8786`, whose workers share
            the trials; or `local` for worker processes of this machine.
        reporter: Follows the progress.

    Raises:
        CapsuleInspectError: A package is missing, settings, data set, folder or storage cannot be
            used, not one trial could be completed, or the scheduler or its workers are lost or
            cannot take part.
        InterruptedRunError: The user stopped the search; the message says how to resume it.
    """
    if scheduler is not None:
        require_scheduler(scheduler, None)
    options = options_of("tune", data=data, data_root=data_root, resume=resume, storage=storage)
    asked = compose_settings(overrides, config_dir, options, reporter=reporter)
    choose_backend("tune")
    given = all_overrides(overrides, options)
    settings, read, run = start_run(
        "tune", asked, as_output(out), given, ("tune.trials",), reporter
    )
    import_training_stack("tune", reporter=reporter)  # last: a typo is reported before it loads
    from capsule_inspect.search.report import BEST, draw_search
    from capsule_inspect.search.tune import open_or_begin, trial_trainer
    from capsule_inspect.search.tune import tune as search

    run_trial = trial_trainer(read, reporter)
    if scheduler is not None:
        open_or_begin(settings, run, reporter)  # a name that is taken is reported here
        settings = with_value(settings, "tune.resume", str(run.path))
        share_run("tune", settings, run, scheduler, reporter)
    tuned = search(settings, run, reporter, run_trial)
    return TuneResult(
        folder=run.path,
        data=Path(settings.data.dir),
        best=tuned.best,
        score=tuned.score,
        finished=tuned.finished,
        running=tuned.running,
        experiment=run.path / BEST if tuned.best else None,
        figures=draw_search(tuned.study, run, settings.tune.seed) if tuned.best else "",
    )
