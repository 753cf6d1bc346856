import csv

import cv2
import numpy as np
import optuna
import pytest
import yaml
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.search.report import best_trial, draw_search, write_search_report
from capsule_inspect.settings.groups import Settings

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


FIGURE_SPACE = {
    key: FloatDistribution(0.0, 1.0) for key in ("train.transplant", "model.head_dropout")
}


@pytest.fixture
def drawn_study():
    return optuna.create_study(direction="maximize")


def add_drawn(drawn_study, score, x=0.5, state=TrialState.COMPLETE):
    params = {"train.transplant": x, "model.head_dropout": (7 * x) % 1}
    drawn_study.add_trial(
        create_trial(value=score, params=params, distributions=FIGURE_SPACE, state=state)
    )


def colours(path):
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    return {tuple(int(value) for value in colour) for colour in picture.reshape(-1, 3)[:, ::-1]}


def test_the_history_shows_pruned_trials_only_where_there_are_some(drawn_study, tmp_path):
    purple = (204, 121, 167)
    add_drawn(drawn_study, 0.5)
    assert "history.png" in draw_search(drawn_study, RunFolder(tmp_path), 0)
    assert purple not in colours(tmp_path / "history.png")
    add_drawn(drawn_study, 0.2, state=TrialState.PRUNED)
    draw_search(drawn_study, RunFolder(tmp_path), 0)
    assert purple in colours(tmp_path / "history.png")


def test_importance_takes_ten_complete_trials(drawn_study, tmp_path):
    for i in range(9):
        add_drawn(drawn_study, i / 9, i / 9)
        add_drawn(drawn_study, i / 9, i / 9, TrialState.PRUNED)
    note = draw_search(drawn_study, RunFolder(tmp_path), 0)
    assert "takes 10 complete trials" in note
    assert "there are 9" in note
    assert not (tmp_path / "importance.png").exists()
    add_drawn(drawn_study, 1.0, 1.0)
    assert "importance.png" in draw_search(drawn_study, RunFolder(tmp_path), 0)
    assert (tmp_path / "importance.png").read_bytes().startswith(b"\x89PNG")


def test_equal_scores_say_nothing_of_importance(drawn_study, tmp_path):
    for i in range(12):
        add_drawn(drawn_study, 0.5, i / 12)
    assert "whose scores differ" in draw_search(drawn_study, RunFolder(tmp_path), 0)
    assert not (tmp_path / "importance.png").exists()
