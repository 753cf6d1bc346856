import csv
from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from capsule_inspect.errors import ConfigError
from capsule_inspect.training.callbacks import StopIfDiverged, WriteHistory, WriteTensorBoard

NETWORK = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.1))


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run_with_advice(loss):
    callback = StopIfDiverged()
    callback.on_epoch_end(0, {"loss": 3.0})
    with pytest.raises(ConfigError, match=r"epoch 3.*train\.learning_rate"):
        callback.on_epoch_end(2, {"loss": loss})


def written(path) -> list[tuple[str, str]]:
    with path.open() as stream:
        return [(row["epoch"], row["loss"]) for row in csv.DictReader(stream)]


def test_rows_of_epochs_that_are_trained_again_are_replaced(tmp_path):
    path = tmp_path / "history.csv"
    callback = WriteHistory(path, ("accuracy",))
    callback.set_model(NETWORK)
    for epoch, loss in ((0, 3.0), (1, 2.0), (2, 1.0), (1, 1.5)):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {"loss": loss})
    assert written(path) == [("1", "3"), ("2", "1.5")]
    assert [each.name for each in tmp_path.iterdir()] == ["history.csv"]


def test_tensorboard_gets_losses_and_validation_apart_at_their_epoch(tmp_path):
    callback = WriteTensorBoard(tmp_path)
    callback.set_model(NETWORK)
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 3.0})
    callback.on_epoch_end(1, {"loss": 2.0, "val_accuracy": 0.5})
    callback.on_train_end()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    stored = {
        tag: {each.step: float(make_ndarray(each.tensor_proto)) for each in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
    }
    assert stored == {
        "train/loss": {1: 3.0, 2: 2.0},
        "val/accuracy": {2: 0.5},
        "train/learning_rate": {1: pytest.approx(0.1), 2: pytest.approx(0.1)},
    }
