"""AdamW with a separate learning rate for the encoder."""

import re
from typing import Any

import keras

from capsule_inspect.model.encoders.encoder import PREFIX

_NOT_DECAYED = re.compile(r"(bias|gamma|beta)$|_layer_scale/")


@keras.saving.register_keras_serializable(package="capsule_inspect")
class EncoderAdamW(keras.optimizers.Adam):
    """AdamW with a lower learning rate for pretrained encoder weights (Howard and Ruder, 2018).

    Weight decay (Loshchilov and Hutter, 2019) follows the learning rate of the schedule in all
    layers, encoder or not; biases, norms and layer scales do not decay. Keras's own decay evaluates
    the schedule again for every variable, which takes a sixth of the time before the first step.

    Args:
        encoder_factor: Learning rate of the encoder divided by that of all other layers.
        decay: Each step subtracts this times the learning rate times the weight.
        first_epoch: The first epoch, from 0, that uses this optimizer; each stage of a run has its
            own.
        **options: Options of `keras.optimizers.Adam`, such as `learning_rate`.
    """

    def __init__(
        self,
        *,
        encoder_factor: float = 1.0,
        decay: float = 0.0,
        first_epoch: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.encoder_factor = encoder_factor
        self.decay = decay
        self.first_epoch = first_epoch
        self._factors: list[float] = []
        self._decays: list[float] = []

    def build(self, variables: Any) -> None:
        """Creates the optimizer's state; Keras calls it with the network's variables."""
        super().build(variables)
        paths = [variable.path for variable in variables]
        self._factors = [self.encoder_factor if p.startswith(PREFIX) else 1.0 for p in paths]
        self._decays = [0.0 if _NOT_DECAYED.search(p) else self.decay for p in paths]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Applies one gradient; Keras calls it for each variable."""
        index = self._get_variable_index(variable)
        if self._decays[index]:
            self.assign_sub(variable, variable * (self._decays[index] * learning_rate))
        super().update_step(gradient, variable, learning_rate * self._factors[index])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that rebuild the optimizer."""
        own = {
            "encoder_factor": self.encoder_factor,
            "decay": self.decay,
            "first_epoch": self.first_epoch,
        }
        return {**super().get_config(), **own}
