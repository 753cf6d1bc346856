"""Training one network."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras

from capsule_inspect.dataset.batches import Batches
from capsule_inspect.dataset.crops import draw_crops, load_crops
from capsule_inspect.dataset.manifest import DataSet, training_sha256
from capsule_inspect.errors import InterruptedRunError
from capsule_inspect.evaluation.judge import judge
from capsule_inspect.evaluation.metrics import PICTURE_METRICS, measure
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.model.losses import MaskLoss
from capsule_inspect.model.network import build_network
from capsule_inspect.model.optimizer import EncoderAdamW
from capsule_inspect.model.runner import KerasRunner
from capsule_inspect.modelfile.metadata import Metric
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.settings import Settings, TrainSettings
from capsule_inspect.training.averaging import NORM_BATCHES, averaged_weights
from capsule_inspect.training.callbacks import (
    SaveCheckpoint,
    ValidateAverage,
    WriteHistory,
    save_network,
)
from capsule_inspect.training.decision import DecisionRule, write_decision
from capsule_inspect.training.load import load_network
from capsule_inspect.training.operating import choose_operating_point
from capsule_inspect.training.run_folder import RunFolder

_WARM_UP = 0.15
"""Share of the steps during which the learning rate rises; a one-cycle schedule."""


@dataclass(frozen=True)
class Watcher:
    """What the caller wants to hear of a training run.

    Attributes:
        note: Told in sentences what goes on.
        callbacks: Further Keras callbacks, such as a progress display.
    """

    note: Callable[[str], None]
    callbacks: tuple[keras.callbacks.Callback, ...] = ()


@dataclass(frozen=True)
class Trained:
    """What a training run ends with.

    Attributes:
        run: The run folder, with model.keras and decision.json.
        rule: The operating point that was chosen.
        metrics: On the validation split, on which the point was chosen: a little optimistic.
    """

    run: RunFolder
    rule: DecisionRule
    metrics: tuple[Metric, ...]


def fit(settings: Settings, data: DataSet, run: RunFolder, watcher: Watcher) -> Trained:
    """Trains a network, or goes on with one, and saves it with averaged weights.

    Args:
        settings: All settings; the schedule is fixed, the final averaged weights are kept.
        data: Whose split `train` is learned from, and whose split `val` tunes the decision.
        run: Where checkpoint, history and model go; a checkpoint there is gone on with.
        watcher: Hears of the progress.

    Returns:
        The finished run.

    Raises:
        DataError: The data set does not suit training.
        ConfigError: The settings make no network.
        ModelFileError: The checkpoint is damaged or of another version.
        InterruptedRunError: The user stopped the run; the message says how to go on.
    """
    try:
        return _fit(settings, data, run, watcher)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            "Stopped; the finished epochs are saved. Go on with: "
            f"capsule-inspect train train.resume={run.path}"
        ) from None


def _fit(settings: Settings, data: DataSet, run: RunFolder, watcher: Watcher) -> Trained:
    train = settings.train
    keras.utils.set_random_seed(train.seed)
    network = _checkpoint_or_new(settings, run, data)
    done = int(network.optimizer.iterations) // train.steps
    watcher.note(f"Reading the training pictures of {settings.data.dir}.")
    batches = _batches(settings, data, done)
    images = batches.peek_images(train.epochs, min(NORM_BATCHES, train.steps))
    inspector = Inspector(KerasRunner(network), data.classes, settings.model.roi, OperatingPoint())
    held_out = [sample for sample in data.samples if sample.split == "val"]

    def validate() -> dict[str, float]:
        if not held_out:
            return {}
        with averaged_weights(network, images):
            metrics = measure(judge(data, held_out, inspector))
        return {metric.name: metric.value for metric in metrics}

    if done < train.epochs:
        watcher.note(f"Training from epoch {done + 1} to {train.epochs}.")
        network.fit(
            batches,
            epochs=train.epochs,
            initial_epoch=done,
            verbose=0,
            callbacks=[
                # The checkpoint last: an epoch that is not in it is trained again, and its row,
                # if there is one, written anew.
                ValidateAverage(validate, train.validate_every, train.epochs),
                WriteHistory(run.history, PICTURE_METRICS),
                SaveCheckpoint(run),
                *watcher.callbacks,
            ],
        )
    with averaged_weights(network, images):
        # The same layers without the optimizer, which makes three quarters of the file.
        save_network(keras.Model(network.inputs, network.output, name=network.name), run.model)
        watcher.note("Choosing the operating point.")
        point = choose_operating_point(data, held_out, inspector, "the validation split")
        metrics = measure(judge(data, held_out, replace(inspector, point=point)))
    rule = DecisionRule(
        data.classes, settings.model.roi, point, training_sha256(data), data.licence
    )
    write_decision(run.decision, rule)
    return Trained(run, rule, metrics)


def _checkpoint_or_new(settings: Settings, run: RunFolder, data: DataSet) -> keras.Model:
    if run.checkpoint.exists():
        return load_network(run.checkpoint, compiled=True)
    network = build_network(settings.model, len(data.classes))
    network.compile(
        optimizer=_optimizer(settings.train),
        loss={
            "logits": keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=settings.train.label_smoothing
            ),
            "mask_logits": MaskLoss(settings.train.defect_weight),
        },
        jit_compile=keras.backend.backend() != "tensorflow",  # XLA is far slower on a CPU
    )
    save_network(network, run.checkpoint)
    return network


def _optimizer(train: TrainSettings) -> EncoderAdamW:
    steps = train.epochs * train.steps
    rising = max(1, round(_WARM_UP * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=train.learning_rate / 25,
        warmup_target=train.learning_rate,
        warmup_steps=rising,
        decay_steps=max(1, steps - rising),
    )
    return EncoderAdamW(
        encoder_factor=train.encoder_learning_rate / train.learning_rate,
        learning_rate=schedule,
        weight_decay=train.weight_decay,
        use_ema=True,
        ema_momentum=train.average_momentum,
    )


def _batches(settings: Settings, data: DataSet, first_epoch: int) -> Batches:
    model, train = settings.model, settings.train
    samples = [sample for sample in data.samples if sample.split == "train"]
    return Batches(
        real=load_crops(data, samples, model.roi),
        drawn=draw_crops(train.drawn, train.seed, data.classes, model.roi),
        classes=data.classes,
        roi=model.roi,
        settings=train,
        first_epoch=first_epoch,
    )
