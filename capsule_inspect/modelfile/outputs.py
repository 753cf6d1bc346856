"""What a network says of one crop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IMAGE = "image"
"""The name of every network's input."""

LOGITS, MASK_LOGITS, FEATURES = "logits", "mask_logits", "features"
"""The names of a network's outputs; all but the first may be missing."""


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

    @classmethod
    def of(cls, results: Mapping[str, NDArray[Any]]) -> "Outputs":
        """Takes what a network gives for a batch of one picture.

        Args:
            results: By name of the output, each [1, ...].
        """
        only = {name: np.asarray(batch[0], np.float32) for name, batch in results.items()}
        return cls(only[LOGITS], only.get(MASK_LOGITS), only.get(FEATURES))
