"""Adapter that runs a Keras network in an `Inspector`."""

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.modelfile.runtime import Outputs


@dataclass(frozen=True)
class KerasRunner:
    """A Keras network in the form that `Inspector` takes.

    Attributes:
        network: Maps `image` to a dict of `logits` and, optionally, `mask_logits`.
    """

    network: keras.Model

    def __call__(self, image: NDArray[np.uint8]) -> Outputs:
        """Runs the network on one window.

        Args:
            image: uint8 RGB, [roi.height, roi.width, 3].
        """
        return Outputs.of(self.network.predict_on_batch(image[None]))
