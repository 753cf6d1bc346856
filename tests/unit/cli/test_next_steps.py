from pathlib import Path

import pytest

from capsule_inspect.cli.next_steps import (
    evaluate_next,
    export_next,
    predict_next,
    train_next,
)

RUN, DATA = Path("runs/a b"), Path("data")


@pytest.mark.parametrize(
    ("suggested", "typed"),
    [
        (train_next(DATA), "train --data data"),
        (train_next(DATA, "experiment=a b.yaml"), "train --data data 'experiment=a b.yaml'"),
        (evaluate_next(RUN, DATA), "evaluate 'runs/a b' --data data"),
        (export_next(RUN, DATA), "export-tflite 'runs/a b' --data data"),
        (predict_next(Path("m.tflite")), "predict PICTURES --model m.tflite -o out"),
    ],
)
def test_a_next_step_can_be_typed_into_a_shell(suggested, typed):
    assert suggested == f"capsule-inspect {typed}"
