"""AdamW with a learning rate of its own for the encoder."""

import re
from typing import Any

import keras

from capsule_inspect.model.encoders.encoder import PREFIX

_NOT_DECAYED = re.compile(r"(bias|gamma|beta)$|_layer_scale/")


@keras.saving.register_keras_serializable(package="capsule_inspect")
class EncoderAdamW(keras.optimizers.Adam):
    """AdamW whose learning rate is lower for pretrained encoder weights (Howard and Ruder, 2018).

    Weight decay (Loshchilov and Hutter, 2019) follows the learning rate of the schedule in all
    layers alike; biases, norms and layer scales are spared. Keras's own decay works the schedule
    out anew for every variable, which makes a sixth of the time before the first step.

    Args:
        encoder_factor: Learning rate of the encoder over that of everything else.
        decay: Share of each weight, times the learning rate, that a step takes away.
        first_epoch: The epoch of the run in which this optimizer begins, from 0; each stage of a
            run begins with a new one.
        **options: Of `keras.optimizers.Adam`, such as `learning_rate`.
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
        """Makes the optimizer's state; Keras calls it with the network's variables."""
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
        """Returns what rebuilds the optimizer."""
        own = {
            "encoder_factor": self.encoder_factor,
            "decay": self.decay,
            "first_epoch": self.first_epoch,
        }
        return {**super().get_config(), **own}
