"""The settings of a hyper-parameter search, but for what it searches."""

from dataclasses import dataclass

from capsule_inspect.allowed import require_choice, require_range

PRUNERS = ("median", "none")
"""How `tune` may stop trials early."""


@dataclass(frozen=True)
class TuneSettings:
    """A hyper-parameter search.

    Attributes:
        trials: Number of trials the study shall have in all, pruned ones included; at least 1.
        epochs: Epochs of each trial in which everything is trained; at least 1.
        pruner: `median` stops a trial whose best score so far is below the median of the finished
            trials at that epoch; `none` stops none.
        startup_trials: Trials that are drawn at random, and finished trials before any is pruned;
            at least 0.
        warmup_epochs: Epochs of each trial after which it is not pruned yet; at least 0.
        seed: Decides what is drawn; at least 0.
        study: Name of the study; not empty.
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
        for name in ("trials", "epochs"):
            require_range(f"tune.{name}", getattr(self, name), at_least=1)
        for name in ("startup_trials", "warmup_epochs", "seed"):
            require_range(f"tune.{name}", getattr(self, name), at_least=0)
        require_choice("tune.pruner", self.pruner, PRUNERS)
        if not self.study:
            raise ValueError("tune.study must have a name.")
