"""The random state of an epoch, by its number."""

from typing import Any

import keras

from capsule_inspect.dataset.batches import Batches


class SeedEpoch(keras.callbacks.Callback):
    """Sets the batches and the random state of all dropout to those of the epoch.

    So a resumed run sees and drops what an uninterrupted one would have seen and dropped.

    Args:
        batches: What the network learns from.
        seed: Of the run.
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
