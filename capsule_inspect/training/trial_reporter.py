"""What a running trial tells its study."""

import math

import optuna

from capsule_inspect.training.note import Note


class TrialReporter:
    """Takes a trial's scores epoch by epoch, and ends a trial that is not worth going on with.

    Args:
        trial: The trial.
        epochs: The number of its epochs.
        note: Told in sentences what goes on.

    Attributes:
        last: The latest score; NaN before the first.
    """

    def __init__(self, trial: optuna.Trial, epochs: int, note: Note) -> None:
        self._trial, self._epochs, self._note = trial, epochs, note
        self.last = math.nan

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
