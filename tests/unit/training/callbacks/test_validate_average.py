from capsule_inspect.training.callbacks.validate_average import ValidateAverage


def test_it_validates_every_few_epochs_and_after_the_last():
    callback = ValidateAverage(lambda: {"accuracy": 0.5}, every=2, epochs=5)
    validated = []
    for epoch in range(5):
        logs = {"loss": 1.0}
        callback.on_epoch_end(epoch, logs)
        validated.append(logs.get("val_accuracy"))
        assert logs["loss"] == 1
    assert validated == [None, 0.5, None, 0.5, 0.5]
