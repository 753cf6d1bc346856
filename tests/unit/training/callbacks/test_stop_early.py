from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.training.callbacks.stop_early import StopEarly, has_stalled

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
