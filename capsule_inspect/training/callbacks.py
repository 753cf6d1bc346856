"""What happens at the beginning and the end of each epoch."""

import csv
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from capsule_inspect.dataset.batches import Batches
from capsule_inspect.errors import ConfigError
from capsule_inspect.replacing import replace_text, replacing
from capsule_inspect.runs.run_folder import RunFolder

Validate = Callable[[], dict[str, float]]
"""Measures the network as it stands, and returns metrics by name."""

LOSSES = ("loss", "logits_loss", "mask_logits_loss")


class SeedEpoch(keras.callbacks.Callback):
    """Sets the batches and the random state of all dropout to those of the epoch.

    So a resumed run sees and drops what an uninterrupted one would have seen and dropped.
    """

    def __init__(self, batches: Batches, seed: int) -> None:
        super().__init__()
        self._batches, self._seed = batches, seed

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Sets both."""
        del logs
        self._batches.epoch = epoch
        for number, layer in enumerate(self.model.layers):
            # Of a rate of 0 nothing is drawn.
            if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
                layer.seed_generator.state.assign([self._seed, 1000 * epoch + number])


class StopIfDiverged(keras.callbacks.Callback):
    """Ends a run whose loss is no number before it is measured or saved."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Raises ConfigError if the epoch's loss is not finite."""
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            raise ConfigError(
                f"Training diverged in epoch {epoch + 1}: the loss is no longer a number. Lower "
                "train.learning_rate, or set train.clipnorm=1, and start a new run."
            )


class SaveCheckpoint(keras.callbacks.Callback):
    """Saves network and optimizer after every epoch, never half a file."""

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self._run = run

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Replaces the checkpoint."""
        del epoch, logs
        save_network(self.model, self._run.checkpoint)


class ValidateAverage(keras.callbacks.Callback):
    """Adds validation metrics to the logs, every few epochs and after the last."""

    def __init__(self, validate: Validate, every: int, epochs: int) -> None:
        super().__init__()
        self._validate, self._every, self._epochs = validate, every, epochs

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Validates if it is time to."""
        last = epoch + 1 == self._epochs
        if logs is not None and (last or (epoch + 1) % self._every == 0):
            logs.update({f"val_{name}": value for name, value in self._validate().items()})


class WriteHistory(keras.callbacks.Callback):
    """Appends a row per epoch to history.csv."""

    def __init__(self, path: Path, metrics: tuple[str, ...]) -> None:
        super().__init__()
        self._path = path
        validation = (f"val_{name}" for name in metrics)
        self._columns = ("epoch", *LOSSES, "learning_rate", "seconds", *validation)
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the epoch's clock, and drops rows of epochs that are trained again."""
        del logs
        if self._path.exists():
            lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
            if len(lines) > epoch + 1:
                replace_text(self._path, "".join(lines[: epoch + 1]))
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the epoch's row."""
        row = {name: f"{value:.6g}" for name, value in (logs or {}).items()}
        # A network without a mask head has one loss, which Keras does not name.
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


class WriteTensorBoard(keras.callbacks.Callback):
    """Writes losses, learning rate and validation metrics as TensorBoard events.

    Through the `tensorboard` package itself: Keras's own callback needs TensorFlow, which is not
    there under another backend.
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
            kind, _, metric = name.partition("val_")
            self._writer.add_scalar(f"train/{kind}" if kind else f"val/{metric}", value, epoch + 1)
        rate = float(self.model.optimizer.learning_rate)
        self._writer.add_scalar("train/learning_rate", rate, epoch + 1)
        self._writer.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the file."""
        del logs
        self._writer.close()


def save_network(network: keras.Model, path: Path) -> None:
    """Saves a network as `replacing` does."""
    with replacing(path) as unfinished:
        network.save(unfinished)
