"""The losses of the mask head.

Where a mask is not known its target is zero for all classes, and the picture adds nothing.
"""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="capsule_inspect")
class MaskLoss(keras.losses.Loss):
    """Weighted pixel cross-entropy, plus soft Dice of "any defect" on defective pictures.

    On good pictures Dice is a constant (about 1 whatever is predicted) and teaches nothing, so
    there it is left out.

    Attributes:
        defect_weight: Weight of defect pixels against background pixels in the cross-entropy.
    """

    def __init__(self, defect_weight: float = 3.0, **options: Any) -> None:
        super().__init__(**{"name": "mask_loss", **options})
        self.defect_weight = defect_weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Computes the loss of each picture.

        Args:
            y_true: Share of each pixel that is of each class, [B, h, w, classes], summing to 1, or
                to 0 where the mask is not known.
            y_pred: Logits, [B, h, w, classes].

        Returns:
            [B].
        """
        log_p = ops.log_softmax(y_pred, axis=-1)
        entropy = -(
            y_true[..., 0] * log_p[..., 0]
            + self.defect_weight * ops.sum(y_true[..., 1:] * log_p[..., 1:], axis=-1)
        )
        truth = ops.sum(y_true[..., 1:], axis=-1)
        dice = soft_dice(truth, 1 - ops.exp(log_p[..., 0]))
        is_defective = ops.cast(_total(truth) > 0, dice.dtype)
        return ops.mean(entropy, axis=(1, 2)) + is_defective * dice

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds the loss."""
        return {**super().get_config(), "defect_weight": self.defect_weight}


@keras.saving.register_keras_serializable(package="capsule_inspect")
class AnyDefectLoss(keras.losses.Loss):
    """Binary cross-entropy of "any defect", plus its soft Dice on every picture."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"name": "any_defect_loss", **options})

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Computes the loss of each picture.

        Args:
            y_true: Share of each pixel that is of each class, [B, h, w, classes], summing to 1, or
                to 0 where the mask is not known.
            y_pred: Logits, [B, h, w, classes].

        Returns:
            [B].
        """
        # The logit of "any defect" against background, from which log(1 - p) loses no digits.
        logit = ops.logsumexp(y_pred[..., 1:], axis=-1) - y_pred[..., 0]
        truth = ops.sum(y_true[..., 1:], axis=-1)
        entropy = truth * ops.softplus(-logit) + y_true[..., 0] * ops.softplus(logit)
        known = ops.cast(_total(ops.sum(y_true, axis=-1)) > 0, entropy.dtype)
        return ops.mean(entropy, axis=(1, 2)) + known * soft_dice(truth, ops.sigmoid(logit))

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds the loss."""
        return dict(super().get_config())


def soft_dice(truth: Any, predicted: Any) -> Any:
    """Returns 1 - Dice of each picture (Milletari et al., "V-Net", 2016, without squares).

    Args:
        truth: Share of each pixel that is defect, [B, h, w].
        predicted: Probability of defect, [B, h, w].

    Returns:
        [B], in [0, 1]; 0 where both are empty.
    """
    both, sizes = _total(truth * predicted), _total(truth) + _total(predicted)
    return 1 - (2 * both + 1) / (sizes + 1)


def _total(values: Any) -> Any:
    return ops.sum(values, axis=(1, 2))
