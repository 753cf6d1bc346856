"""The settings of a hyper-parameter search, but for what it searches."""

from dataclasses import dataclass

PRUNERS = ("median", "none")
"""How `tune` may stop trials early."""


@dataclass(frozen=True)
class TuneSettings:
    """A hyper-parameter search.

    Attributes:
        trials: Number of trials the study shall have in all, pruned ones included.
        epochs: Epochs of each trial in which everything is trained.
        pruner: `median` stops a trial whose best score so far is below the median of the finished
            trials at that epoch; `none` stops none.
        startup_trials: Trials that are drawn at random, and finished trials before any is pruned.
        warmup_epochs: Epochs of each trial after which it is not pruned yet.
        seed: Decides what is drawn.
        study: Name of the study.
        storage: SQLAlchemy URL of a database; empty for `study.db` in the run folder.
        resume: A run folder whose study goes on; empty for a new one.
    """

    trials: int = 8
    epochs: int = 6
    pruner: str = "median"
    startup_trials: int = 4
    warmup_epochs: int = 2
    seed: int = 0
    study: str = "capsule-inspect"
    storage: str = ""
    resume: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError if a setting is impossible."""
        if min(self.trials, self.epochs) < 1:
            raise ValueError("tune.trials and tune.epochs must be at least 1.")
        if min(self.startup_trials, self.warmup_epochs, self.seed) < 0:
            raise ValueError("tune.startup_trials, warmup_epochs and seed must be at least 0.")
        if self.pruner not in PRUNERS:
            raise ValueError(
                f"tune.pruner is '{self.pruner}', but must be one of {', '.join(PRUNERS)}."
            )
        if not self.study:
            raise ValueError("tune.study must have a name.")
