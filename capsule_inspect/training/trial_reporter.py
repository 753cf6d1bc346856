"""What a running trial tells its study."""

import math
from collections.abc import Callable

import optuna


class TrialReporter:
    """Takes a trial's scores epoch by epoch, and ends a trial that is not worth going on with."""

    def __init__(self, trial: optuna.Trial, epochs: int, note: Callable[[str], None]) -> None:
        """Takes the trial, the number of its epochs, and who is told in sentences."""
        self._trial, self._epochs, self._note = trial, epochs, note
        self.last = math.nan
        """The latest score; no number before the first."""

    def report(self, epoch: int, score: float) -> None:
        """Stores the score after an epoch.

        Args:
            epoch: The epoch, from 1.
            score: More is better.

        Raises:
            optuna.TrialPruned: The trial should stop here; never after its last epoch.
        """
        if not math.isfinite(score):
            self.diverged()
        self._note(
            f"Trial {self._trial.number}, epoch {epoch} of {self._epochs}: score {score:.4f}"
        )
        self.last = score
        self._trial.report(score, epoch)
        if epoch < self._epochs and self._trial.should_prune():
            self._note(f"Trial {self._trial.number} is stopped: others did better by now.")
            raise optuna.TrialPruned

    def diverged(self) -> None:
        """Ends a trial whose numbers are no longer finite.

        Raises:
            optuna.TrialPruned: Always.
        """
        self._note(f"Trial {self._trial.number} is stopped: its loss is not finite any more.")
        raise optuna.TrialPruned
