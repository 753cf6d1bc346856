"""Who hears of a training run."""

from collections.abc import Callable
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Watcher:
    """What the caller wants to hear of a training run.

    Attributes:
        note: Told in sentences what goes on.
        callbacks: Further Keras callbacks, such as a progress display.
    """

    note: Callable[[str], None]
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
