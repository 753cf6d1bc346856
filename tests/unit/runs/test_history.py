import pytest

from capsule_inspect.errors import DataError
from capsule_inspect.runs.history import (
    Epoch,
    history_columns,
    read_history,
    read_scores,
    validation_metrics,
)

HISTORY = """epoch,loss,seconds,val_accuracy,val_dice
1,3.0,1.0,0.5,0.3
2,2.0,1.0,,
3,1.0,1.0,0.7,0.5
4,0.9,1.0,0.6,
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(HISTORY)
    return path


def test_epochs_hold_what_was_measured_of_each(file):
    epochs = read_history(file)
    assert epochs[1] == Epoch(2, {"loss": 2.0}, {})
    assert epochs[2] == Epoch(3, {"loss": 1.0}, {"accuracy": 0.7, "dice": 0.5})
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4]


def test_before_the_first_epoch_there_are_none(tmp_path):
    assert read_history(tmp_path / "history.csv") == ()
    assert read_scores(tmp_path / "history.csv") == []


def test_scores_are_of_validated_epochs_and_can_begin_later(file):
    assert read_scores(file) == pytest.approx([0.4, 0.6, 0.6])
    assert read_scores(file, first_epoch=1) == pytest.approx([0.6, 0.6])


def test_a_row_that_is_half_written_is_left_out(file):
    file.write_text(HISTORY + "5,0.8,1.0,0.")
    assert len(read_history(file)) == 4


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("val_accuracy", "accuracy", "no column val_accuracy"),
        ("0.7", "nan", "val_accuracy is 'nan'"),
    ],
)
def test_damage_is_named(file, before, after, named):
    file.write_text(HISTORY.replace(before, after))
    with pytest.raises(DataError, match=rf"history\.csv is damaged: .*{named}"):
        read_history(file)


def test_names_of_metrics_gain_and_lose_their_prefix():
    columns = history_columns(["accuracy", "dice"])
    assert columns[0] == "epoch"
    assert columns[-2:] == ("val_accuracy", "val_dice")
    values = dict.fromkeys(columns, 0.5)
    assert validation_metrics(values) == {"accuracy": 0.5, "dice": 0.5}
