"""The weights of another network to start from."""

from collections.abc import Callable
from pathlib import Path

import keras

from capsule_inspect.errors import ConfigError
from capsule_inspect.text import counted, suggest_path

_KNOWN = (
    "Set model.weights to imagenet, none, the folder of a run, a .keras file, or the .weights.h5 "
    "file of a network with the same settings."
)
_NAMED = 3
"""The layers that a message names at most."""


def start_from(network: keras.Model, source: str, say: Callable[[str], None]) -> None:
    """Copies the weights of another network, layer by layer where name and shapes agree.

    A network of other classes, or with another decoder, so gives what it has in common. A
    `.weights.h5` file must fit wholly, since it does not name its layers.

    Args:
        network: The network to start.
        source: The folder of a run, a `.keras` file or a `.weights.h5` file.
        say: Told in a sentence which layers start anew.

    Raises:
        ConfigError: The file is missing or damaged, or fits nowhere.
    """
    file = Path(source) / "model.keras" if Path(source).is_dir() else Path(source)
    if not file.is_file():
        raise ConfigError(f"The weights '{file}' do not exist.{suggest_path(file)} {_KNOWN}")
    try:
        if file.name.endswith(".weights.h5"):
            network.load_weights(file)
            return
        other = keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its parts raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"The weights '{file}' cannot be loaded: {reason} {_KNOWN}") from error
    _tell(file, *_copy(network, other), say)


def _copy(network: keras.Model, other: keras.Model) -> tuple[int, list[str]]:
    """Copies what fits; returns the number of layers, and the names of those that start anew."""
    theirs = {layer.name: layer for layer in other.layers}
    taken, anew = 0, []
    for layer in network.layers:
        if not layer.weights:
            continue
        given = theirs[layer.name].get_weights() if layer.name in theirs else []
        if [values.shape for values in given] == [tuple(w.shape) for w in layer.weights]:
            layer.set_weights(given)
            taken += 1
        else:
            anew.append(layer.name)
    return taken, anew


def _tell(file: Path, taken: int, anew: list[str], say: Callable[[str], None]) -> None:
    if not taken:
        raise ConfigError(f"The network '{file}' has no layer in common with this one. {_KNOWN}")
    if anew:
        more = f" and {len(anew) - _NAMED} more" if len(anew) > _NAMED else ""
        say(
            f"Starting from {counted(taken, 'layer')} of '{file}'. The rest does not fit, as with "
            f"other classes, and starts anew: {', '.join(anew[:_NAMED])}{more}."
        )
