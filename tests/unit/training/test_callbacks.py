import csv
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorder import Recorder
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.groups import TrainSettings
from capsule_inspect.training.callbacks import (
    SaveCheckpoint,
    SeedEpoch,
    ShowEpochs,
    StopEarly,
    StopIfDiverged,
    ValidateAverage,
    WriteHistory,
    WriteTensorBoard,
    has_stalled,
)
from capsule_inspect.training.network_files import load_network
from capsule_inspect.training.norms import averaged_weights


def test_it_saves_network_and_optimizer(tmp_path):
    image = keras.Input((2,))
    hidden = keras.layers.Dense(4, trainable=False)(image)
    network = keras.Model(image, keras.layers.Dense(1)(hidden))
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    callback = SaveCheckpoint(network, tmp_path / "checkpoint.keras")
    part = keras.Model(hidden, network.output)
    part.compile(network.optimizer, "mse")
    callback.set_model(part)  # Keras trains a part of the network; the whole is saved
    for step in (1, 2):
        part.train_on_batch(np.ones((3, 4)), np.zeros((3, 1)))
        callback.on_epoch_end(step - 1)
        loaded = load_network(tmp_path / "checkpoint.keras", compiled=True)
        assert int(loaded.optimizer.iterations) == step
    for mine, theirs in zip(network.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)


def network() -> keras.Model:
    image = keras.Input((100,))
    x = keras.layers.Dropout(0.0)(image)
    return keras.Model(image, keras.layers.Dropout(0.5)(x))


def test_an_epoch_drops_the_same_whatever_came_before_it():
    model, batches = network(), SimpleNamespace(epoch=None)
    callback = SeedEpoch(batches, seed=3)
    callback.set_model(model)

    def dropped(epoch: int) -> np.ndarray:
        callback.on_epoch_begin(epoch)
        assert batches.epoch == epoch
        return np.array(model(np.ones((1, 100), np.float32), training=True)) == 0

    second, third = dropped(1), dropped(2)
    assert np.array_equal(dropped(1), second)
    assert not np.array_equal(second, third)
    assert 20 < second.sum() < 80


HISTORY = """epoch,loss,seconds,val_accuracy,val_dice
1,3.0,1.0,0.5,0.3
2,2.0,1.0,,
3,1.0,1.0,0.7,0.5
4,0.9,1.0,0.6,0.5
"""


@pytest.mark.parametrize(
    ("scores", "patience", "stalled"),
    [
        ([], 1, False),
        ([0.5], 1, False),
        ([0.5, 0.5], 1, True),
        ([0.5, 0.6], 1, False),
        ([0.5, 0.4, 0.6], 2, False),
        ([0.6, 0.4, 0.5], 2, True),
        ([0.6, 0.4, 0.5], 3, False),
    ],
)
def test_it_has_stalled_when_nothing_better_came_for_so_long(scores, patience, stalled):
    assert has_stalled(scores, patience) == stalled


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(1, 5))
def test_it_never_stalls_on_a_new_best(scores, patience):
    assert not has_stalled([*scores, 2.0], patience)


def test_training_is_stopped_by_the_file(tmp_path):
    file = tmp_path / "history.csv"
    file.write_text(HISTORY)
    for patience, stops in ((1, True), (2, False)):
        callback = StopEarly(file, 0, patience)
        network = SimpleNamespace(stop_training=False)
        callback.set_model(network)
        callback.on_epoch_end(3)
        assert network.stop_training == stops


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run_with_advice(loss):
    callback = StopIfDiverged()
    callback.on_epoch_end(0, {"loss": 3.0})
    with pytest.raises(ConfigError, match=r"epoch 3.*train\.learning_rate"):
        callback.on_epoch_end(2, {"loss": loss})


def test_it_validates_every_few_epochs_and_after_the_last():
    callback = ValidateAverage(lambda: {"accuracy": 0.5}, every=2, epochs=5)
    validated = []
    for epoch in range(5):
        logs = {"loss": 1.0}
        callback.on_epoch_end(epoch, logs)
        validated.append(logs.get("val_accuracy"))
        assert logs["loss"] == 1
    assert validated == [None, 0.5, None, 0.5, 0.5]


@pytest.fixture
def callback(tmp_path):
    made = WriteHistory(tmp_path / "history.csv", ("accuracy",))
    made.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.1)))
    return made


def written(folder) -> list[dict[str, str]]:
    with (folder / "history.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_rows_of_epochs_that_are_trained_again_are_replaced(tmp_path, callback):
    for epoch, loss in ((0, 3.0), (1, 2.0), (2, 1.0), (1, 1.5)):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {"loss": loss})
    assert [(row["epoch"], row["loss"]) for row in written(tmp_path)] == [("1", "3"), ("2", "1.5")]
    assert [each.name for each in tmp_path.iterdir()] == ["history.csv"]


def test_a_row_holds_losses_rate_and_the_metrics_it_was_told_of(tmp_path, callback):
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, {"loss": 3.0, "mask_logits_loss": 1.0, "logits_loss": 2.0})
    logs = {"loss": 2.0, "val_accuracy": 0.12345678, "val_other": 1.0}
    callback.on_epoch_begin(1)
    callback.on_epoch_end(1, logs)
    first, second = written(tmp_path)
    assert (first["logits_loss"], first["mask_logits_loss"], first["val_accuracy"]) == (
        "2",
        "1",
        "",
    )
    assert (second["logits_loss"], second["mask_logits_loss"]) == ("2", "")
    assert (second["val_accuracy"], second["learning_rate"]) == ("0.123457", "0.1")
    assert "val_other" not in second


def test_values_are_told_apart_by_split_and_stand_at_their_epoch(tmp_path):
    callback = WriteTensorBoard(tmp_path)
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.25)))
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 3.0})
    callback.on_epoch_end(1, {"loss": 2.0, "val_accuracy": 0.5})
    callback.on_train_end()
    events = EventAccumulator(str(tmp_path)).Reload()

    def values(tag: str) -> list[tuple[int, float]]:
        return [
            (event.step, float(tensor_util.make_ndarray(event.tensor_proto)))
            for event in events.Tensors(tag)
        ]

    assert set(events.Tags()["tensors"]) == {"train/loss", "train/learning_rate", "val/accuracy"}
    assert values("train/loss") == [(1, 3.0), (2, 2.0)]
    assert values("val/accuracy") == [(2, 0.5)]
    assert values("train/learning_rate") == [(1, 0.25), (2, 0.25)]


MOMENTUM = 0.8


def values(variables) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def batches(count: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, (4, 6, 6, 3)).astype(np.uint8) for _ in range(count)]


@pytest.fixture(scope="module")
def trained() -> tuple[keras.Model, list[list[np.ndarray]]]:
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 6, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 128, offset=-1)(image)
    x = keras.layers.Conv2D(5, 3, name="conv")(x)
    x = keras.layers.BatchNormalization(name="frozen", trainable=False)(x)
    x = keras.layers.BatchNormalization(name="norm", momentum=0.95)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    network = keras.Model(image, keras.layers.Dense(2)(x))
    network.compile(
        optimizer=keras.optimizers.SGD(0.3, use_ema=True, ema_momentum=MOMENTUM), loss="mse"
    )
    random, steps = np.random.default_rng(1), []
    for batch in batches(6, seed=9):  # `fit` would end with the average in place
        network.train_on_batch(batch, random.normal(size=(len(batch), 2)))
        steps.append(values(network.trainable_variables))
    return network, steps


def test_the_average_is_swapped_in_and_the_live_weights_come_back_exactly(trained):
    network, steps = trained
    # The average starts at the first step's weights.
    expected = steps[0]
    for step in steps[1:]:
        expected = [
            MOMENTUM * old + (1 - MOMENTUM) * new for old, new in zip(expected, step, strict=True)
        ]
    live, everything = values(network.trainable_variables), values(network.weights)
    with averaged_weights(network, network, batches(3)):
        inside = values(network.trainable_variables)
        for mine, theirs, start in zip(inside, expected, live, strict=True):
            assert mine == pytest.approx(theirs, abs=1e-5)
            assert not np.array_equal(mine, start)
    assert all(
        np.array_equal(a, b) for a, b in zip(values(network.weights), everything, strict=True)
    )


def test_norms_get_the_mean_over_the_batches(trained):
    network, _ = trained
    pictures = batches(5)
    norm = network.get_layer("norm")
    before = keras.Model(network.input, norm.input)
    with averaged_weights(network, network, pictures):
        seen = [keras.ops.convert_to_numpy(before(batch)).astype(np.float64) for batch in pictures]
        means = [x.mean(axis=(0, 1, 2)) for x in seen]
        variances = [x.var(axis=(0, 1, 2)) for x in seen]
        mean, variance = values([norm.moving_mean, norm.moving_variance])
        assert mean == pytest.approx(np.mean(means, axis=0), abs=1e-5)
        assert variance == pytest.approx(np.mean(variances, axis=0), rel=1e-4)
    assert norm.momentum == 0.95


def test_norms_of_a_part_are_estimated_from_what_it_takes(trained):
    network, _ = trained
    norm = network.get_layer("norm")
    part = keras.Model(norm.input, network.output)
    before = keras.Model(network.input, norm.input)
    pictures, seen = batches(3), []
    with averaged_weights(network, network, pictures):
        seen.append(values(network.weights))
        inputs = [keras.ops.convert_to_numpy(before(batch)) for batch in pictures]
    with averaged_weights(network, part, inputs):
        seen.append(values(network.weights))
    for whole, mine in zip(*seen, strict=True):
        assert mine == pytest.approx(whole, rel=1e-4, abs=1e-5)


def test_frozen_norms_keep_their_statistics(trained):
    network, _ = trained
    frozen = network.get_layer("frozen")
    before = values(frozen.weights)
    with averaged_weights(network, network, batches(3)):
        assert all(
            np.array_equal(a, b) for a, b in zip(before, values(frozen.weights), strict=True)
        )


def test_live_weights_come_back_after_a_failure_too(trained):
    network, _ = trained
    everything = values(network.weights)

    def interrupted() -> None:
        with averaged_weights(network, network, batches(2)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert all(
        np.array_equal(a, b) for a, b in zip(values(network.weights), everything, strict=True)
    )


def test_the_average_itself_is_not_changed_by_looking_at_it(trained):
    network, _ = trained
    seen = []
    for _ in range(2):
        with averaged_weights(network, network, batches(3)):
            seen.append(values(network.weights))
    assert all(np.array_equal(a, b) for a, b in zip(*seen, strict=True))


def test_steps_of_a_resumed_run_count_from_where_it_stopped():
    recorder = Recorder()
    settings = TrainSettings(frozen_epochs=1, epochs=2, steps=2)
    with recorder.progress(6, "Training", "steps") as advance:
        callback = ShowEpochs(recorder, advance, settings)
        for epoch in (1, 2):
            callback.on_epoch_begin(epoch)
            for batch in range(2):
                callback.on_train_batch_end(batch)
            callback.on_epoch_end(epoch, {"loss": 0.5, "val_auroc": 0.75, "val_iou": 0.25})
    assert recorder.counted == [
        ("Epoch 2/3", 2, 6),
        ("Epoch 2/3", 3, 6),
        ("Epoch 2/3", 4, 6),
        ("Epoch 3/3", 4, 6),
        ("Epoch 3/3", 5, 6),
        ("Epoch 3/3", 6, 6),
    ]
    assert recorder.said == [
        "Epoch 2 of 3: loss 0.500, auroc 0.750",
        "Epoch 3 of 3: loss 0.500, auroc 0.750",
    ]
