"""A run's epochs as TensorBoard shows them."""

from pathlib import Path
from typing import Any

import keras

from capsule_inspect.runs.history import VALIDATION


class WriteTensorBoard(keras.callbacks.Callback):
    """Writes losses, learning rate and validation metrics as TensorBoard events.

    Through the `tensorboard` package itself: Keras's own callback needs TensorFlow, which is not
    there under another backend.

    Args:
        folder: Where the events go.
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
