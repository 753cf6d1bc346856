"""Telling a search how a training run goes."""

import math
from typing import Any

import keras

from capsule_inspect.runs.score import score
from capsule_inspect.training.trial_reporter import TrialReporter

_VALIDATION = "val_"


class ReportEpochs(keras.callbacks.Callback):
    """Reports the score after every validated epoch; `optuna.TrialPruned` ends the training."""

    def __init__(self, reporter: TrialReporter) -> None:
        super().__init__()
        self._reporter = reporter

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Ends a run that diverged before its outputs, which are no numbers, are measured."""
        del batch
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            self._reporter.diverged()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Reports the score if the epoch was validated."""
        measured = {
            name.removeprefix(_VALIDATION): value
            for name, value in (logs or {}).items()
            if name.startswith(_VALIDATION)
        }
        if "accuracy" in measured:
            self._reporter.report(epoch + 1, score(measured))
