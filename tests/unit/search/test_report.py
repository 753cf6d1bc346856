import csv

import cv2
import numpy as np
import optuna
import pytest
import yaml
from matplotlib import pyplot, rcParams
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


def read(path):
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def colours(path):
    return {tuple(int(value) for value in colour) for colour in read(path).reshape(-1, 3)}


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


def test_the_same_trials_and_seed_give_the_same_figures(drawn_study, tmp_path):
    for i in range(14):
        state = TrialState.PRUNED if i in {0, 5} else TrialState.COMPLETE
        add_drawn(drawn_study, (3 * i) % 7, i / 14, state)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        draw_search(drawn_study, RunFolder(tmp_path / name), 3)
    for name in ("history.png", "importance.png"):
        first, second = tmp_path / "first" / name, tmp_path / "second" / name
        assert first.read_bytes() == second.read_bytes()
        height, width = read(first).shape[:2]
        assert 900 < width < 1100
        assert 250 < height < 600


def test_figures_are_closed_and_leave_no_style_behind(drawn_study, tmp_path):
    add_drawn(drawn_study, 0.5)
    before = dict(rcParams)
    draw_search(drawn_study, RunFolder(tmp_path), 0)
    assert pyplot.get_fignums() == []
    assert {key for key in before if rcParams[key] != before[key]} <= {"backend"}


def test_a_longer_bar_is_a_setting_that_matters_more(drawn_study, tmp_path):
    for i in range(20):
        add_drawn(drawn_study, i / 20, i / 20)
    draw_search(drawn_study, RunFolder(tmp_path), 0)
    picture = read(tmp_path / "importance.png").astype(int)
    blue = np.abs(picture - (0x31, 0x82, 0xBD)).max(axis=2) < 3
    lengths = blue.sum(axis=1)
    # train.transplant, by which the score goes, has the upper bar, and nearly all of the variance.
    assert lengths[: len(lengths) // 2].max() > 3 * lengths[len(lengths) // 2 :].max() > 0


def test_the_best_so_far_never_falls(drawn_study, tmp_path):
    # Pruned, 0.2, 0.8, 0.4: the line runs at 0.2, then at 0.8 to the last trial.
    add_drawn(drawn_study, 0.9, state=TrialState.PRUNED)
    for score in (0.2, 0.8, 0.4):
        add_drawn(drawn_study, score)
    draw_search(drawn_study, RunFolder(tmp_path), 0)
    picture = read(tmp_path / "history.png").astype(int)
    red = np.abs(picture - (0xD6, 0x27, 0x28)).max(axis=2) < 3
    red[-60:] = False  # the legend
    rows, columns = np.nonzero(red)
    middle = (columns.min() + columns.max()) / 2
    left, right = rows[columns < middle - 5], rows[columns > middle + 5]
    assert np.ptp(left) <= 4
    assert np.ptp(right) <= 4
    assert left.mean() > right.mean() + 100
