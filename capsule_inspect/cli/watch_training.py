"""Showing how a training run goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from rich.progress import Progress

from capsule_inspect.cli.console import say
from capsule_inspect.cli.progress import progress_bar
from capsule_inspect.runs.history import VALIDATION
from capsule_inspect.settings.train_settings import TrainSettings
from capsule_inspect.training.watcher import Watcher


@contextmanager
def watch_training(settings: TrainSettings, name: str = "") -> Iterator[Watcher]:
    """Shows a bar over all steps to a person, and a line per epoch to everyone.

    Args:
        settings: Of the run.
        name: Put before each line, where there are several runs.
    """
    prefix = f"{name}: " if name else ""
    with progress_bar("steps") as bar:
        yield Watcher(
            lambda sentence: say(f"{prefix}{sentence}"), (_ShowProgress(bar, settings, prefix),)
        )


class _ShowProgress(keras.callbacks.Callback):
    def __init__(self, bar: Progress, settings: TrainSettings, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix
        self._bar, self._steps = bar, settings.steps
        self._epochs = settings.frozen_epochs + settings.epochs
        self._task = bar.add_task("Training", total=self._epochs * settings.steps)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        del logs
        text = f"Epoch {epoch + 1}/{self._epochs}"
        self._bar.update(self._task, description=text, completed=epoch * self._steps)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        del batch, logs
        self._bar.advance(self._task)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = {name.removeprefix(VALIDATION): value for name, value in (logs or {}).items()}
        shown = ("loss", "accuracy", "presence_accuracy", "auroc", "dice")
        text = ", ".join(f"{name} {values[name]:.3f}" for name in shown if name in values)
        say(f"{self._prefix}Epoch {epoch + 1} of {self._epochs}: {text}")
