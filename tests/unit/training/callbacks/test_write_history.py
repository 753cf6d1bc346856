import csv
from types import SimpleNamespace

import pytest

from capsule_inspect.training.callbacks.write_history import WriteHistory


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
