"""Who hears of a training run."""

from dataclasses import dataclass

import keras

from capsule_inspect.training.note import Note


@dataclass(frozen=True)
class Watcher:
    """What the caller wants to hear of a training run.

    Attributes:
        note: Told in sentences what goes on.
        callbacks: Further Keras callbacks, such as a progress display.
    """

    note: Note
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
