import cv2
import numpy as np
import pytest

from capsule_inspect.training.learning_curves import draw_history

HEADER = "epoch,loss,logits_loss,mask_logits_loss,learning_rate,seconds,val_accuracy,val_dice\n"


@pytest.mark.parametrize(
    ("rows", "validated"),
    [
        ("1,2.5,1.5,1.0,0.001,3,,\n", False),
        (
            "1,2.5,1.5,1.0,0.001,3,,\n2,1.5,1.0,0.5,0.001,3,0.8,0.4\n3,1.0,0.7,,0.001,3,0.9,\n",
            True,
        ),
    ],
)
def test_losses_are_drawn_on_the_left_and_metrics_once_there_are_some(tmp_path, rows, validated):
    history, picture = tmp_path / "history.csv", tmp_path / "curves.png"
    history.write_text(HEADER + rows)
    draw_history(history, picture)
    drawn = cv2.imdecode(np.frombuffer(picture.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert {each.name for each in tmp_path.iterdir()} == {"history.csv", "curves.png"}
    assert drawn.shape == (500, 1200, 3)
    left, right = drawn[:, :600], drawn[:, 600:]
    coloured = [((half.max(axis=2) - half.min(axis=2)) > 60).sum() for half in (left, right)]
    assert [count > 50 for count in coloured] == [True, validated]
