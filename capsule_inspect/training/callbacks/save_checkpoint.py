"""The checkpoint that a resumed run goes on with."""

from pathlib import Path
from typing import Any

import keras

from capsule_inspect.training.network_file import save_network


class SaveCheckpoint(keras.callbacks.Callback):
    """Saves network and optimizer after every epoch.

    Args:
        path: The checkpoint.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Replaces the checkpoint."""
        del epoch, logs
        save_network(self.model, self._path, compiled=True)
