"""The losses of the mask and of the label."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from capsule_inspect.settings.groups import TrainSettings


# Named in checkpoints as it was when the first of them were written.
@keras.saving.register_keras_serializable(package="capsule_inspect", name="MaskLoss")
class ClassesLoss(keras.losses.Loss):
    """Weighted pixel cross-entropy, plus soft Dice of "any defect" on defective pictures.

    On good pictures Dice is a constant (about 1 whatever is predicted) and teaches nothing, so
    there it is left out.

    Args:
        defect_weight: Weight of defect pixels against background pixels in the cross-entropy.
        **options: Of `keras.losses.Loss`.
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
        dice_loss = soft_dice_loss(truth, 1 - ops.exp(log_p[..., 0]))
        is_defective = ops.cast(_total(truth) > 0, dice_loss.dtype)
        return ops.mean(entropy, axis=(1, 2)) + is_defective * dice_loss

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds the loss."""
        return {**super().get_config(), "defect_weight": self.defect_weight}


@keras.saving.register_keras_serializable(package="capsule_inspect")
class AnyDefectLoss(keras.losses.Loss):
    """Binary cross-entropy of "any defect", plus its soft Dice on every picture.

    Args:
        **options: Of `keras.losses.Loss`.
    """

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
        return ops.mean(entropy, axis=(1, 2)) + known * soft_dice_loss(truth, ops.sigmoid(logit))


MASK_LOSS_OF: dict[str, Callable[[TrainSettings], keras.losses.Loss]] = {
    "classes": lambda train: ClassesLoss(train.defect_weight),
    "any_defect": lambda _: AnyDefectLoss(),
}
"""What `train.mask_loss` can be."""


def soft_dice_loss(truth: Any, predicted: Any) -> Any:
    """Returns 1 - Dice of each picture (Milletari et al., "V-Net", 2016, without squares).

    One is added above and below the line, so that the loss is 0 and not 0 / 0 where both are empty,
    and moves gently where they nearly are.

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
