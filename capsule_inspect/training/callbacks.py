"""Keras callbacks: checkpoints, validation, history and early stopping."""

import csv
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from capsule_inspect.errors import ConfigError
from capsule_inspect.files import write_text
from capsule_inspect.reporter import Advance, Reporter
from capsule_inspect.runs.history import VALIDATION, history_columns, read_scores
from capsule_inspect.settings.groups import TrainSettings
from capsule_inspect.training.batches import Batches
from capsule_inspect.training.network_files import save_network


class SaveCheckpoint(keras.callbacks.Callback):
    """Saves network and optimizer after every epoch.

    Args:
        network: The whole network; Keras may train a part of it.
        path: The checkpoint file.
    """

    def __init__(self, network: keras.Model, path: Path) -> None:
        super().__init__()
        self._network, self._path = network, path

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Replaces the checkpoint."""
        del epoch, logs
        save_network(self._network, self._path, compiled=True)


class SeedEpoch(keras.callbacks.Callback):
    """Sets the epoch of the batches, and seeds all dropout layers by it.

    A resumed run then gets the same batches and dropout as an uninterrupted one.

    Args:
        batches: The training batches.
        seed: Seed of the run.
    """

    def __init__(self, batches: Batches, seed: int) -> None:
        super().__init__()
        self._batches, self._seed = batches, seed

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Sets both."""
        del logs
        self._batches.epoch = epoch
        for number, layer in enumerate(self.model.layers):
            # A layer with rate 0 has no random state.
            if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
                layer.seed_generator.state.assign([self._seed, 1000 * epoch + number])


class StopEarly(keras.callbacks.Callback):
    """Stops a stage after several validations without a better score.

    It reads history.csv, so that a resumed run continues the count.

    Args:
        history: history.csv, including the row of the current epoch.
        first_epoch: Number of epochs to skip at the start: those of earlier stages.
        patience: Number of validations without a better score.
    """

    def __init__(self, history: Path, first_epoch: int, patience: int) -> None:
        super().__init__()
        self._history, self._first, self._patience = history, first_epoch, patience

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stops training if the score has stalled."""
        del epoch, logs
        if has_stalled(read_scores(self._history, self._first), self._patience):
            self.model.stop_training = True


def has_stalled(scores: Sequence[float], patience: int) -> bool:
    """Returns whether none of the last `patience` scores beats the best one before them."""
    if len(scores) <= patience:
        return False
    return max(scores[-patience:]) <= max(scores[:-patience])


class StopIfDiverged(keras.callbacks.Callback):
    """Stops a run with a non-finite loss before validation and checkpoint."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Raises ConfigError if the epoch's loss is not finite."""
        if has_diverged(logs or {}):
            raise ConfigError(
                f"Training diverged in epoch {epoch + 1}: the loss is no longer finite. Lower "
                "train.learning_rate, or set train.clipnorm=1, and start a new run."
            )


def has_diverged(logs: Mapping[str, float]) -> bool:
    """Returns whether the loss in Keras's logs of a batch or epoch is not finite."""
    return not math.isfinite(logs.get("loss", 0.0))


class ValidateAverage(keras.callbacks.Callback):
    """Adds validation metrics to the logs, every few epochs and after the last.

    Args:
        validate: Validates the averaged weights, and returns metrics by name.
        every: Number of epochs between validations.
        epochs: Number of epochs of the run.
    """

    def __init__(self, validate: Callable[[], dict[str, float]], every: int, epochs: int) -> None:
        super().__init__()
        self._validate, self._every, self._epochs = validate, every, epochs

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Validates if the epoch is due."""
        last = epoch + 1 == self._epochs
        if logs is not None and (last or (epoch + 1) % self._every == 0):
            logs.update({f"{VALIDATION}{name}": value for name, value in self._validate().items()})


class WriteHistory(keras.callbacks.Callback):
    """Appends a row per epoch to history.csv.

    Args:
        path: history.csv.
        metrics: Names of all validation metrics.
    """

    def __init__(self, path: Path, metrics: tuple[str, ...]) -> None:
        super().__init__()
        self._path, self._columns = path, history_columns(metrics)
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock, and deletes the rows of epochs that are trained again."""
        del logs
        if self._path.exists():
            lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
            if len(lines) > epoch + 1:
                write_text(self._path, "".join(lines[: epoch + 1]))
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the epoch's row."""
        row = {name: f"{value:.6g}" for name, value in (logs or {}).items()}
        # For a network with a single output, Keras logs the total loss only.
        row.setdefault("logits_loss", row["loss"])
        row["epoch"] = str(epoch + 1)
        row["learning_rate"] = f"{float(self.model.optimizer.learning_rate):.3g}"
        row["seconds"] = f"{time.monotonic() - self._started:.1f}"
        is_new = not self._path.exists()
        with self._path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, self._columns, restval="", extrasaction="ignore")
            if is_new:
                writer.writeheader()
            writer.writerow(row)


class ShowEpochs(keras.callbacks.Callback):
    """Reports every step, and a sentence after every epoch.

    Args:
        reporter: Told the sentences.
        advance: Counts the steps of the whole run; a resumed one counts those before it at once.
        settings: Of the run.
    """

    def __init__(self, reporter: Reporter, advance: Advance, settings: TrainSettings) -> None:
        super().__init__()
        self._reporter, self._advance = reporter, advance
        self._steps, self._epochs = settings.steps, settings.frozen_epochs + settings.epochs
        self._done = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Names the epoch."""
        del logs
        self._count(epoch * self._steps - self._done, f"Epoch {epoch + 1}/{self._epochs}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Counts the step."""
        del batch, logs
        self._count(1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Says the loss, and what the validation measured."""
        values = {name.removeprefix(VALIDATION): value for name, value in (logs or {}).items()}
        shown = ("loss", "accuracy", "presence_accuracy", "auroc", "dice")
        text = ", ".join(f"{name} {values[name]:.3f}" for name in shown if name in values)
        self._reporter.say(f"Epoch {epoch + 1} of {self._epochs}: {text}")

    def _count(self, steps: int, description: str = "") -> None:
        self._done += steps
        self._advance(steps, description)


class WriteTensorBoard(keras.callbacks.Callback):
    """Writes losses, learning rate and validation metrics as TensorBoard events.

    It uses the `tensorboard` package: Keras's own callback needs TensorFlow, which may be missing
    with another backend.

    Args:
        folder: The folder of the events.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def on_train_begin(self, logs: Any = None) -> None:
        """Opens a new events file."""
        del logs
        from tensorboard.summary import Writer

        self._writer = Writer(str(self._folder))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the epoch's values at its step."""
        for name, value in (logs or {}).items():
            split = "val" if name.startswith(VALIDATION) else "train"
            self._writer.add_scalar(f"{split}/{name.removeprefix(VALIDATION)}", value, epoch + 1)
        rate = float(self.model.optimizer.learning_rate)
        self._writer.add_scalar("train/learning_rate", rate, epoch + 1)
        self._writer.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the file."""
        del logs
        self._writer.close()
