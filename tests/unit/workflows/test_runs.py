import json

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.workflows.runs import list_runs


@pytest.fixture
def runs(tmp_path):
    for day, command, accuracy in ((1, "evaluate", 0.9), (2, "evaluate", 0.8), (3, "train", None)):
        folder = tmp_path / f"runs/{day}"
        folder.mkdir(parents=True)
        began = {"command": command, "began": f"2025-01-0{day}T12:00:00+00:00"}
        (folder / "environment.json").write_text(json.dumps(began))
        if accuracy is not None:
            metrics = [{"name": "accuracy", "value": accuracy, "n": 9, "low": None, "high": None}]
            measured = {"split": "test", "n": 9, "metrics": metrics}
            (folder / "metrics.json").write_text(json.dumps(measured))
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({}, ["3", "2", "1"]),
        ({"command": "evaluate"}, ["2", "1"]),
        ({"sort": "accuracy"}, ["1", "2", "3"]),
        ({"sort": "accuracy", "command": "train"}, ["3"]),
    ],
)
def test_runs_are_chosen_and_sorted(runs, chosen, names):
    assert [run.path.name for run in list_runs(str(runs), **chosen)] == names


def test_a_folder_or_metric_that_is_not_there_is_told(runs):
    with pytest.raises(UsageError, match="There is no folder"):
        list_runs(runs / "none")
    with pytest.raises(UsageError, match="cannot be sorted by 'acuracy'"):
        list_runs(runs, sort="acuracy")
