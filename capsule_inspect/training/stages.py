"""The stages of a training run: decoder and heads alone first, if asked for, then the rest too."""

from dataclasses import dataclass

import keras

from capsule_inspect.model.encoder import set_trainable
from capsule_inspect.model.losses import AnyDefectLoss, MaskLoss
from capsule_inspect.model.optimizer import EncoderAdamW
from capsule_inspect.modelfile.outputs import LOGITS, MASK_LOGITS
from capsule_inspect.settings.train_settings import TrainSettings

_WARM_UP = 0.15
"""Share of a stage's steps during which the learning rate of `one_cycle` rises."""


@dataclass(frozen=True)
class Stage:
    """Epochs trained with one optimizer.

    Attributes:
        start: The first epoch, counted over the whole run from 0.
        end: The epoch after the last.
        encoder: Whether the encoder is trained too.
        learning_rate: Peak learning rate of decoder and heads.
    """

    start: int
    end: int
    encoder: bool
    learning_rate: float


def plan_stages(train: TrainSettings) -> tuple[Stage, ...]:
    """Returns the stages of a run, in order."""
    frozen = train.frozen_epochs
    encoder = train.encoder_learning_rate > 0
    whole = Stage(frozen, frozen + train.epochs, encoder, train.learning_rate)
    if not frozen:
        return (whole,)
    return Stage(0, frozen, False, train.frozen_learning_rate), whole


def start_stage(network: keras.Model, stage: Stage, train: TrainSettings) -> None:
    """Freezes or thaws the encoder and compiles the network with a fresh optimizer."""
    set_trainable(network, stage.encoder)
    losses: dict[str, keras.losses.Loss] = {
        LOGITS: keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=train.label_smoothing
        )
    }
    if MASK_LOGITS in network.output:
        classes = train.mask_loss == "classes"
        losses[MASK_LOGITS] = MaskLoss(train.defect_weight) if classes else AnyDefectLoss()
    network.compile(
        optimizer=_optimizer(stage, train),
        loss=losses,
        jit_compile=keras.backend.backend() != "tensorflow",  # XLA is far slower on a CPU
    )
    network.optimizer.build(network.trainable_variables)  # so that it can be saved and loaded


def epochs_done(network: keras.Model, train: TrainSettings) -> int:
    """Returns how many epochs of the run a checkpoint's network has behind it."""
    optimizer = network.optimizer
    return int(optimizer.first_epoch) + int(optimizer.iterations) // train.steps


def _optimizer(stage: Stage, train: TrainSettings) -> EncoderAdamW:
    return EncoderAdamW(
        encoder_factor=train.encoder_learning_rate / train.learning_rate,
        first_epoch=stage.start,
        learning_rate=_schedule(stage, train),
        decay=train.weight_decay,
        clipnorm=train.clipnorm or None,
        use_ema=True,
        ema_momentum=train.average_momentum,
    )


def _schedule(
    stage: Stage, train: TrainSettings
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    if train.schedule == "constant":
        return stage.learning_rate
    steps = (stage.end - stage.start) * train.steps
    rising = max(1, round(_WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=stage.learning_rate / 25,
        warmup_target=stage.learning_rate,
        warmup_steps=rising,
        decay_steps=max(1, steps - rising),
    )
