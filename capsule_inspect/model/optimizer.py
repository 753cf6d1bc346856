"""AdamW with a slower encoder."""

from typing import Any

import keras

from capsule_inspect.model.encoder import PREFIX


@keras.saving.register_keras_serializable(package="capsule_inspect")
class EncoderAdamW(keras.optimizers.AdamW):
    """AdamW whose learning rate is lower for pretrained encoder weights (Howard and Ruder, 2018).

    Weight decay follows the learning rate of the schedule in all layers alike.

    Attributes:
        encoder_factor: Learning rate of the encoder over that of everything else.
        first_epoch: The epoch of the run in which this optimizer began, from 0; each stage of a
            schedule begins with a new one.
    """

    def __init__(
        self, *, encoder_factor: float = 1.0, first_epoch: int = 0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.encoder_factor = encoder_factor
        self.first_epoch = first_epoch
        self._factors: list[float] = []
        # Here, since a saved optimizer does not remember it.
        self.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])

    def build(self, variables: Any) -> None:
        """Makes the optimizer's state; Keras calls it with the network's variables."""
        super().build(variables)
        self._factors = [
            self.encoder_factor if variable.path.startswith(PREFIX) else 1.0
            for variable in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Applies one gradient; Keras calls it for each variable."""
        factor = self._factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds the optimizer."""
        own = {"encoder_factor": self.encoder_factor, "first_epoch": self.first_epoch}
        return {**super().get_config(), **own}
