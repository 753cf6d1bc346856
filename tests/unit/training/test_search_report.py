import csv

import optuna
import pytest
import yaml

from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.settings import Settings
from capsule_inspect.training.search_report import best_trial, write_search_report

SPACE = {"train.learning_rate": optuna.distributions.FloatDistribution(0.1, 1.0)}


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(direction="maximize")


def add(study: optuna.Study, rate: float, state: str, value: float | None = None) -> None:
    made = optuna.trial.create_trial(
        state=optuna.trial.TrialState[state],
        value=value,
        params={"train.learning_rate": rate},
        distributions=SPACE,
        intermediate_values={1: 0.1, 2: 0.2} if value else {},
    )
    study.add_trial(made)


def test_without_a_complete_trial_there_is_a_table_alone(study, tmp_path):
    add(study, 0.2, "FAIL")
    write_search_report(study, RunFolder(tmp_path), Settings())
    assert best_trial(study) is None
    assert [each.name for each in tmp_path.iterdir()] == ["trials.csv"]


def test_the_best_settings_and_all_trials_are_written(study, tmp_path):
    for rate, state, value in (
        (0.2, "COMPLETE", 0.5),
        (0.3, "COMPLETE", 0.75),
        (0.4, "COMPLETE", 0.75),
        (0.5, "PRUNED", 0.9),
    ):
        add(study, rate, state, value)
    write_search_report(study, RunFolder(tmp_path), Settings())
    text = (tmp_path / "best.yaml").read_text()
    assert "trial 1." in text
    best = yaml.safe_load(text)
    assert best["train"]["learning_rate"] == 0.3
    assert best["model"]["encoder"] == Settings().model.encoder
    with (tmp_path / "trials.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["state"] for row in rows] == ["complete"] * 3 + ["pruned"]
    assert [row["score"] for row in rows] == ["0.5", "0.75", "0.75", "0.9"]
    assert [row["train.learning_rate"] for row in rows] == ["0.2", "0.3", "0.4", "0.5"]
    assert {row["epochs"] for row in rows} == {"2"}
