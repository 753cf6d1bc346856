"""The stages of training: first with a frozen encoder, then with all weights."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras

from capsule_inspect.model.encoders.encoder import set_encoder_trainable
from capsule_inspect.model.losses import MASK_LOSS_OF, MembersLoss
from capsule_inspect.model.optimizer import EncoderAdamW
from capsule_inspect.modelfile.runtime import LOGITS, MASK_LOGITS
from capsule_inspect.settings.groups import TrainSettings

_WARM_UP = 0.15
"""Share of a stage's steps during which the learning rate of `one_cycle` rises."""

_DIVISOR = 25
"""Peak learning rate of `one_cycle` divided by the first; PyTorch's `OneCycleLR`, `div_factor`."""

_AVERAGED = 1 / 6
"""Share of a stage's steps that the average of the weights reaches back, at most."""


@dataclass(frozen=True)
class Stage:
    """Consecutive epochs trained with one optimizer.

    Attributes:
        start: First epoch, counted from 0 over the whole run.
        end: The epoch after the last one.
        trains_encoder: Whether the encoder is trained.
        learning_rate: Peak learning rate of decoder and heads.
    """

    start: int
    end: int
    trains_encoder: bool
    learning_rate: float


def plan_stages(train: TrainSettings) -> tuple[Stage, ...]:
    """Returns the stages of a run, in order."""
    frozen = train.frozen_epochs
    trains_encoder = train.encoder_learning_rate > 0
    whole = Stage(frozen, frozen + train.epochs, trains_encoder, train.learning_rate)
    if not frozen:
        return (whole,)
    return Stage(0, frozen, False, train.frozen_learning_rate), whole


def start_stage(network: keras.Model, stage: Stage, train: TrainSettings) -> None:
    """Freezes or unfreezes the encoder, and compiles the network with a new optimizer."""
    set_encoder_trainable(network, stage.trains_encoder)
    _compile(network, _optimizer(stage, train), _losses(network, train))
    network.optimizer.build(network.trainable_variables)  # saving it needs its variables


def compile_part(part: keras.Model, network: keras.Model, train: TrainSettings) -> None:
    """Compiles a part of a network with the network's own optimizer.

    Args:
        part: A model with all trainable weights of the network, and an answer of each member.
        network: The network, compiled.
        train: Settings of the losses.
    """
    losses = {name: MembersLoss(loss) for name, loss in _losses(network, train).items()}
    _compile(part, network.optimizer, losses)


def _losses(network: keras.Model, train: TrainSettings) -> dict[str, keras.losses.Loss]:
    losses: dict[str, keras.losses.Loss] = {
        LOGITS: keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=train.label_smoothing
        )
    }
    if MASK_LOGITS in network.output:
        losses[MASK_LOGITS] = MASK_LOSS_OF[train.mask_loss](train)
    return losses


def _compile(
    network: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    losses: Mapping[str, keras.losses.Loss],
) -> None:
    network.compile(
        optimizer=optimizer,
        loss=losses,
        jit_compile=keras.backend.backend() != "tensorflow",  # XLA is far slower on a CPU
    )


def epochs_done(network: keras.Model, train: TrainSettings) -> int:
    """Returns the number of finished epochs of a checkpoint's network."""
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
        ema_momentum=_average_momentum(stage, train),
    )


def _average_momentum(stage: Stage, train: TrainSettings) -> float:
    """Returns the momentum of the average; in a short stage less, so that it forgets the start."""
    steps = (stage.end - stage.start) * train.steps
    return min(train.average_momentum, max(0.0, 1 - 1 / (_AVERAGED * steps)))


def _schedule(
    stage: Stage, train: TrainSettings
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate of decoder and heads by step.

    `one_cycle` rises and falls once (Smith and Topin, "Super-Convergence", 2018): linearly up, as
    in the paper, then along half a cosine to 0, as in PyTorch's `OneCycleLR`, which rises for twice
    as long.
    """
    if train.schedule == "constant":
        return stage.learning_rate
    steps = (stage.end - stage.start) * train.steps
    rising = max(1, round(_WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=stage.learning_rate / _DIVISOR,
        warmup_target=stage.learning_rate,
        warmup_steps=rising,
        decay_steps=max(1, steps - rising),
    )
