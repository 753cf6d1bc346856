"""The loss of the mask head."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="capsule_inspect")
class MaskLoss(keras.losses.Loss):
    """Weighted pixel cross-entropy, plus soft Dice of "any defect" on defective pictures.

    On good pictures Dice is a constant (about 1 whatever is predicted) and teaches nothing, so
    there it is left out. Dice: Milletari et al., "V-Net", 2016, without squares.

    Attributes:
        defect_weight: Weight of defect pixels against background pixels in the cross-entropy.
    """

    def __init__(self, defect_weight: float = 3.0, **options: Any) -> None:
        super().__init__(**{"name": "mask_loss", **options})
        self.defect_weight = defect_weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Computes the loss of each picture.

        Args:
            y_true: Share of each pixel that is of each class, [B, h, w, classes], summing to 1.
            y_pred: Logits, [B, h, w, classes].

        Returns:
            [B].
        """
        log_p = ops.log_softmax(y_pred, axis=-1)
        entropy = -(
            y_true[..., 0] * log_p[..., 0]
            + self.defect_weight * ops.sum(y_true[..., 1:] * log_p[..., 1:], axis=-1)
        )
        truth, defect = 1 - y_true[..., 0], 1 - ops.exp(log_p[..., 0])
        both, sizes = _total(truth * defect), _total(truth) + _total(defect)
        dice = 1 - (2 * both + 1) / (sizes + 1)
        is_defective = ops.cast(_total(truth) > 0, dice.dtype)
        return ops.mean(entropy, axis=(1, 2)) + is_defective * dice

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds the loss."""
        return {**super().get_config(), "defect_weight": self.defect_weight}


def _total(values: Any) -> Any:
    return ops.sum(values, axis=(1, 2))
