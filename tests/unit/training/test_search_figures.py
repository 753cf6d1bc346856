import cv2
import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.search_figures import draw_search

SPACE = {key: FloatDistribution(0.0, 1.0) for key in ("train.transplant", "model.head_dropout")}


@pytest.fixture
def study():
    return optuna.create_study(direction="maximize")


def add(study, score, x=0.5, state=TrialState.COMPLETE):
    params = {"train.transplant": x, "model.head_dropout": (7 * x) % 1}
    study.add_trial(create_trial(value=score, params=params, distributions=SPACE, state=state))


def colours(path):
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    return {tuple(int(value) for value in colour) for colour in picture.reshape(-1, 3)[:, ::-1]}


def test_the_history_shows_pruned_trials_only_where_there_are_some(study, tmp_path):
    purple = (204, 121, 167)
    add(study, 0.5)
    assert "history.png" in draw_search(study, RunFolder(tmp_path), 0)
    assert purple not in colours(tmp_path / "history.png")
    add(study, 0.2, state=TrialState.PRUNED)
    draw_search(study, RunFolder(tmp_path), 0)
    assert purple in colours(tmp_path / "history.png")


def test_importance_takes_ten_complete_trials(study, tmp_path):
    for i in range(9):
        add(study, i / 9, i / 9)
        add(study, i / 9, i / 9, TrialState.PRUNED)
    note = draw_search(study, RunFolder(tmp_path), 0)
    assert "takes 10 complete trials" in note
    assert "there are 9" in note
    assert not (tmp_path / "importance.png").exists()
    add(study, 1.0, 1.0)
    assert "importance.png" in draw_search(study, RunFolder(tmp_path), 0)
    assert (tmp_path / "importance.png").read_bytes().startswith(b"\x89PNG")


def test_equal_scores_say_nothing_of_importance(study, tmp_path):
    for i in range(12):
        add(study, 0.5, i / 12)
    assert "whose scores differ" in draw_search(study, RunFolder(tmp_path), 0)
    assert not (tmp_path / "importance.png").exists()
