from types import SimpleNamespace

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from capsule_inspect.training.callbacks.write_tensorboard import WriteTensorBoard


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
