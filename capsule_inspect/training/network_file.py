"""Saving networks as `.keras` files, and loading them."""

from pathlib import Path

import keras

from capsule_inspect.errors import ModelFileError
from capsule_inspect.model import encoder_adamw, losses  # noqa: F401  (registers what files hold)
from capsule_inspect.replacing import replacing


def save_network(network: keras.Model, path: Path, compiled: bool) -> None:
    """Saves a network; a reader never sees half a file.

    Args:
        network: The network.
        path: The `.keras` file.
        compiled: Whether to save optimizer and losses too, to go on training; the optimizer makes
            three quarters of a file.
    """
    if not compiled:
        network = keras.Model(network.inputs, network.output, name=network.name)
    with replacing(path) as unfinished:
        network.save(unfinished)


def load_network(path: Path, compiled: bool) -> keras.Model:
    """Loads a `.keras` file that holds no code.

    Args:
        path: The file.
        compiled: Whether to restore optimizer and losses, to go on training.

    Raises:
        ModelFileError: It is damaged or not a network of this version.
    """
    try:
        return keras.saving.load_model(path, compile=compiled, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(f"'{path}' cannot be loaded as a Keras model: {reason}") from error
