from dataclasses import replace

import keras
import numpy as np
import pytest

from capsule_inspect.model.encoders.encoder import PREFIX
from capsule_inspect.model.losses import AnyDefectLoss, ClassesLoss
from capsule_inspect.model.network import as_it_learns, encoder_features
from capsule_inspect.settings.groups import TrainSettings
from capsule_inspect.training.network_files import load_network
from capsule_inspect.training.stages import (
    Stage,
    compile_part,
    epochs_done,
    plan_stages,
    start_stage,
)

TRAIN = TrainSettings(
    frozen_epochs=2,
    frozen_learning_rate=0.01,
    epochs=3,
    steps=1,
    learning_rate=0.02,
    encoder_learning_rate=0.001,
)
FROZEN, WHOLE = plan_stages(TRAIN)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """Two layers for an encoder, and two heads."""
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 64, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(4, 3, 2, padding="same", use_bias=False, name=f"{PREFIX}conv")(x)
    x = keras.layers.BatchNormalization(trainable=False, name=f"{PREFIX}norm")(x)
    outputs = {
        "logits": keras.layers.Dense(3, name="logits")(keras.layers.GlobalAveragePooling2D()(x)),
        "mask_logits": keras.layers.Conv2D(3, 1, name="mask_classes")(x),
    }
    return keras.Model(image, outputs)


def step(network: keras.Model) -> set[str]:
    """Trains one step and returns which layers' variables moved."""
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 64, 3)).astype(np.uint8)
    labels = np.eye(3, dtype=np.float32)
    masks = np.broadcast_to(labels[:, None, None], (3, 16, 32, 3))
    before = {v.path: np.array(v) for v in network.weights}
    network.train_on_batch(images, {"logits": labels, "mask_logits": masks})
    return {v.path for v in network.weights if not np.array_equal(before[v.path], v)}


def test_a_run_has_one_stage_unless_the_encoder_is_frozen_first():
    assert plan_stages(replace(TRAIN, frozen_epochs=0)) == (Stage(0, 3, True, 0.02),)
    assert (Stage(0, 2, False, 0.01), Stage(2, 5, True, 0.02)) == (FROZEN, WHOLE)


def test_a_frozen_encoder_stays_as_it_is_and_then_learns(network):
    start_stage(network, FROZEN, TRAIN)
    moved = step(network)
    assert moved
    assert not any(path.startswith(PREFIX) for path in moved)
    start_stage(network, WHOLE, TRAIN)
    assert any(path.startswith(PREFIX) for path in step(network))


def test_an_encoder_without_a_learning_rate_stays_as_it_is(network):
    train = replace(TRAIN, frozen_epochs=0, encoder_learning_rate=0.0)
    (stage,) = plan_stages(train)
    start_stage(network, stage, train)
    moved = step(network)
    assert moved
    assert not any(path.startswith(PREFIX) for path in moved)


@pytest.mark.parametrize(("stage", "done"), [(FROZEN, 1), (WHOLE, 3)])
def test_a_saved_stage_is_gone_on_with(network, stage, done, tmp_path):
    start_stage(network, stage, TRAIN)
    network.save(tmp_path / "fresh.keras")
    assert epochs_done(load_network(tmp_path / "fresh.keras", compiled=True), TRAIN) == done - 1
    step(network)
    network.save(tmp_path / "run.keras")
    resumed = load_network(tmp_path / "run.keras", compiled=True)
    assert epochs_done(resumed, TRAIN) == done
    assert len(resumed.trainable_variables) == len(network.trainable_variables)
    step(network)
    step(resumed)
    for one, other in zip(network.weights, resumed.weights, strict=True):
        assert np.array(one) == pytest.approx(np.array(other), abs=1e-6)


def rate_at(optimizer: keras.optimizers.Optimizer, done: int) -> float:
    """The learning rate after some steps."""
    optimizer.iterations.assign(done)
    return float(optimizer.learning_rate)


def test_one_cycle_rises_and_falls_in_each_stage(network):
    train = replace(TRAIN, epochs=20, frozen_epochs=20, steps=5, schedule="one_cycle")
    for stage in plan_stages(train):
        start_stage(network, stage, train)
        rates = [rate_at(network.optimizer, done) for done in range(101)]
        assert max(rates) == pytest.approx(stage.learning_rate)
        assert rates[0] == pytest.approx(stage.learning_rate / 25)
        assert rates.index(max(rates)) == 15
        assert rates[100] == pytest.approx(0, abs=1e-9)


def test_a_constant_schedule_and_a_clipped_norm(network):
    start_stage(network, FROZEN, replace(TRAIN, schedule="constant", clipnorm=1.0))
    assert float(network.optimizer.learning_rate) == pytest.approx(0.01)
    assert network.optimizer.clipnorm == 1
    start_stage(network, FROZEN, TRAIN)
    assert network.optimizer.clipnorm is None


@pytest.mark.parametrize(
    ("epochs", "asked", "used"), [(20, 0.5, 0.5), (20, 0.99, 0.95), (1, 0.99, 0.0), (20, 0.0, 0.0)]
)
def test_the_average_reaches_back_over_a_sixth_of_the_stage(network, epochs, asked, used):
    train = replace(TRAIN, epochs=epochs, steps=6, average_momentum=asked)
    start_stage(network, Stage(0, epochs, True, 0.01), train)
    assert network.optimizer.ema_momentum == pytest.approx(used)


def test_the_mask_loss_is_the_one_asked_for(network):
    start_stage(network, WHOLE, TRAIN)
    assert isinstance(network.loss["mask_logits"], ClassesLoss)
    start_stage(network, WHOLE, replace(TRAIN, mask_loss="any_defect"))
    assert isinstance(network.loss["mask_logits"], AnyDefectLoss)


def test_a_part_learns_from_features_what_the_network_learns_from_windows(network):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 64, 3)).astype(np.uint8)
    labels = np.eye(3, dtype=np.float32)
    targets = {
        "logits": labels,
        "mask_logits": np.broadcast_to(labels[:, None, None], (3, 16, 32, 3)),
    }
    start, ends = network.get_weights(), []
    features = keras.Model(network.input, list(encoder_features(network)))(images)
    for on_features in (False, True):
        network.set_weights(start)
        start_stage(network, FROZEN, TRAIN)
        part = as_it_learns(network, on_features)
        compile_part(part, network, TRAIN)
        assert part.optimizer is network.optimizer
        inputs = features if on_features else images
        losses = [float(part.train_on_batch(inputs, targets)[0]) for _ in range(2)]
        assert losses[1] != losses[0]
        assert epochs_done(network, TRAIN) == 2
        ends.append((losses, network.get_weights()))
    (losses, whole), (mine, own) = ends
    assert mine == pytest.approx(losses, rel=1e-4)
    for one, other in zip(whole, own, strict=True):
        assert other == pytest.approx(one, abs=1e-5)
    moved = [not np.array_equal(a, b) for a, b in zip(start, own, strict=True)]
    assert 0 < sum(moved) < len(moved)
