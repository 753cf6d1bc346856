"""The ConvNeXt-Tiny encoder."""

from dataclasses import dataclass

import keras
from keras import layers

from capsule_inspect.errors import ConfigError
from capsule_inspect.model.encoders.encoder import PREFIX

_STAGE_ENDS = ("stage_0_block_2", "stage_1_block_2", "stage_2_block_8", "stage_3_block_2")
"""The last block at each of the strides 4, 8, 16 and 32."""


@dataclass(frozen=True)
class ConvNeXtTiny:
    """ConvNeXt-Tiny with the weights that Keras downloads."""

    def build(self, image: keras.KerasTensor) -> tuple[keras.KerasTensor, ...]:
        """Applies the encoder, including the scaling of the pixels.

        Args:
            image: uint8 RGB, [B, H, W, 3]; H and W divisible by 32.

        Returns:
            Features at strides 4, 8, 16 and 32.
        """
        name = PREFIX.removesuffix("_")
        # Keras's model normalizes by ImageNet's mean and deviation, but only takes floats.
        pixels = layers.Rescaling(1.0, name="scale")(image)
        whole = keras.applications.ConvNeXtTiny(
            include_top=False, weights=None, input_tensor=pixels, name=name
        )
        return tuple(
            layers.Identity(name=f"{PREFIX}{end}")(_block_output(whole, f"{name}_{end}"))
            for end in _STAGE_ENDS
        )

    def load_imagenet(self, network: keras.Model) -> None:
        """Loads the ImageNet weights into the encoder layers of a network.

        Raises:
            ConfigError: The weights cannot be downloaded.
        """
        try:
            pretrained = keras.applications.ConvNeXtTiny(include_top=False, weights="imagenet")
        except Exception as error:  # Keras raises nothing narrower if a download fails
            raise ConfigError(
                f"The ImageNet weights of ConvNeXt-Tiny cannot be downloaded ({error}). Without a "
                "network, set model.weights=none to train without pretrained weights, or "
                "model.weights=RUN to start from a run of your own."
            ) from error
        weights = {layer.name: layer.get_weights() for layer in pretrained.layers}
        for layer in network.layers:
            if layer.name.startswith(PREFIX) and layer.weights:
                layer.set_weights(weights[f"convnext_tiny_{layer.name.removeprefix(PREFIX)}"])


def _block_output(whole: keras.Model, block: str) -> keras.KerasTensor:
    """Returns the output of a block: the unnamed sum after its last named layer."""
    last = whole.get_layer(f"{block}_identity")
    (node,) = last._outbound_nodes  # Keras has no public way from a layer to its consumers
    return node.operation.output
