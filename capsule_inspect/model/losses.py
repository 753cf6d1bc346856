"""The losses of the mask.

Each takes the true mask and the predicted one, and returns the loss of each picture, [B]:

- `y_true`: share of each class in each pixel, [B, h, w, classes]; the shares sum to 1, or to 0 if
  the mask is unknown.
- `y_pred`: logits, [B, h, w, classes].
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from capsule_inspect.settings.groups import TrainSettings


# Checkpoints store the class under its first name.
@keras.saving.register_keras_serializable(package="capsule_inspect", name="MaskLoss")
class ClassesLoss(keras.losses.Loss):
    """Weighted pixel cross-entropy, plus soft Dice loss of "any defect" on defective pictures.

    Good pictures have no Dice term: it would be about 1 for any prediction, and teach nothing.

    Args:
        defect_weight: Weight of a defect pixel in the cross-entropy; background pixels weigh 1.
        **options: Options of `keras.losses.Loss`.
    """

    def __init__(self, defect_weight: float = 3.0, **options: Any) -> None:
        super().__init__(**{"name": "mask_loss", **options})
        self.defect_weight = defect_weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each picture, as the module describes it."""
        log_p = ops.log_softmax(y_pred, axis=-1)
        truth = ops.sum(y_true[..., 1:], axis=-1)
        # Weights on the truth: a slice of the prediction costs the gradient another pass.
        weights = ops.concatenate([y_true[..., :1], self.defect_weight * y_true[..., 1:]], axis=-1)
        entropy = -ops.sum(weights * log_p, axis=-1)
        dice_loss = soft_dice_loss(truth, 1 - ops.exp(log_p[..., 0]))
        is_defective = ops.cast(_total(truth) > 0, dice_loss.dtype)
        return ops.mean(entropy, axis=(1, 2)) + is_defective * dice_loss

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that rebuild the loss."""
        return {**super().get_config(), "defect_weight": self.defect_weight}


class MembersLoss(keras.losses.Loss):
    """The mean of a loss over members that answer the same question.

    Args:
        of_one: The loss of one answer.
    """

    def __init__(self, of_one: keras.losses.Loss) -> None:
        super().__init__(name=of_one.name)
        self._of_one = of_one

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each picture, [B].

        Args:
            y_true: The truth, [B, ...].
            y_pred: An answer of each member, [B, members, ...].
        """
        answers = ops.unstack(y_pred, axis=1)
        return sum(self._of_one.call(y_true, answer) for answer in answers) / len(answers)


@keras.saving.register_keras_serializable(package="capsule_inspect")
class AnyDefectLoss(keras.losses.Loss):
    """Binary cross-entropy of "any defect", plus its soft Dice loss on every picture.

    Args:
        **options: Options of `keras.losses.Loss`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"name": "any_defect_loss", **options})

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each picture, as the module describes it."""
        # The logit of "any defect" against background: log(1 - p) computed from it loses no digits.
        logit = ops.logsumexp(y_pred[..., 1:], axis=-1) - y_pred[..., 0]
        truth = ops.sum(y_true[..., 1:], axis=-1)
        entropy = truth * ops.softplus(-logit) + y_true[..., 0] * ops.softplus(logit)
        known = ops.cast(_total(ops.sum(y_true, axis=-1)) > 0, entropy.dtype)
        return ops.mean(entropy, axis=(1, 2)) + known * soft_dice_loss(truth, ops.sigmoid(logit))


MASK_LOSS_OF: dict[str, Callable[[TrainSettings], keras.losses.Loss]] = {
    "classes": lambda train: ClassesLoss(train.defect_weight),
    "any_defect": lambda _: AnyDefectLoss(),
}
"""Makes the loss for each value of `train.mask_loss`."""


def soft_dice_loss(truth: Any, predicted: Any) -> Any:
    """Returns 1 - Dice of each picture (Milletari et al., "V-Net", 2016, without squares).

    Adding 1 to numerator and denominator makes the loss 0 instead of 0 / 0 where both masks are
    empty, and smooth where they almost are.

    Args:
        truth: Defect share of each pixel, [B, h, w].
        predicted: Probability of defect, [B, h, w].

    Returns:
        [B], in [0, 1]; 0 where both are empty.
    """
    both, sizes = _total(truth * predicted), _total(truth) + _total(predicted)
    return 1 - (2 * both + 1) / (sizes + 1)


def _total(values: Any) -> Any:
    return ops.sum(values, axis=(1, 2))
