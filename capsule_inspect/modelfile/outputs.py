"""What a network says of one crop."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Outputs:
    """The raw outputs of a network, before any softmax.

    Attributes:
        logits: float32 [classes], `good` first.
        mask_logits: float32 [h, w, classes], background first; None without a mask head.
        features: float32 [channels], means of the encoder's coarsest features; None for a network
            that does not give them.
    """

    logits: NDArray[np.float32]
    mask_logits: NDArray[np.float32] | None
    features: NDArray[np.float32] | None = None
