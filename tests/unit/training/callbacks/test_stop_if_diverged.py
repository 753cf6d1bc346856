import pytest

from capsule_inspect.errors import ConfigError
from capsule_inspect.training.callbacks.stop_if_diverged import StopIfDiverged


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run_with_advice(loss):
    callback = StopIfDiverged()
    callback.on_epoch_end(0, {"loss": 3.0})
    with pytest.raises(ConfigError, match=r"epoch 3.*train\.learning_rate"):
        callback.on_epoch_end(2, {"loss": loss})
