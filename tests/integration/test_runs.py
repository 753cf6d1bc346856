"""`capsule-inspect runs`, on folders made by hand."""

import json
import os
import sys
from pathlib import Path

import pytest

HISTORY = """epoch,loss,val_accuracy,val_dice,val_miss_rate
1,2.0,,,
2,1.5,0.8,0.6,0.1
3,1.2,0.9,0.4,0.3
"""


def write(folder: Path, **files: object) -> Path:
    """Writes files whose `__` stands for a dot; what is no text, as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def environment(command: str, day: int) -> dict[str, object]:
    return {"command": command, "began": f"2025-01-{day:02}T12:00:00+00:00"}


def measured(**values: float) -> dict[str, object]:
    metrics = [
        {"name": name, "value": value, "n": 46, "low": None, "high": None}
        for name, value in values.items()
    ]
    return {"split": "test", "n": 46, "metrics": metrics}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a run of each command, the oldest that of `train`."""
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "runs"
    train = write(
        runs / "train/20250101-120000-caps",
        config__yaml="train:\n  epochs: 3\n  frozen_epochs: 0\n  folds: 0\n",
        environment__json=environment("train", 1),
        history__csv=HISTORY,
        decision__json={},
        model__keras="weights",
    )
    (train.parent / "latest").symlink_to(train.name)
    write(
        runs / "tune/20250102-120000-caps",
        config__yaml="tune:\n  trials: 4\n",
        trials__csv="number,state,score\n0,complete,0.5\n1,complete,0.75\n2,pruned,\n3,running,\n",
    )
    write(
        runs / "evaluate/20250103-120000-20250101-120000-caps",
        metrics__json=measured(accuracy=0.85, miss_rate=0.2, auroc=0.97),
    )
    write(
        runs / "mine",
        environment__json=environment("evaluate", 4),
        metrics__json=measured(accuracy=0.95, miss_rate=0.4, auroc=0.91),
    )
    write(
        runs / "predict/20250105-120000-line",
        run__json={"made_by": "capsule-inspect predict"},
        predictions__csv="path,label\na.png,good\nb.png,crack\nc.png,\n",
    )
    return tmp_path


@pytest.fixture
def listed(invoke):
    """Runs `runs --json`; the runs, in order."""

    def run(*arguments: object) -> list[dict[str, object]]:
        done = invoke("runs", "--json", *arguments)
        assert done.exit_code == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    return run


def values(run: dict[str, object]) -> dict[str, float]:
    return {metric["name"]: metric["value"] for metric in run["metrics"]}


@pytest.mark.usefixtures("work")
def test_every_run_is_listed_once_the_newest_first(listed):
    runs = listed()
    assert [(run["command"], run["name"], run["state"]) for run in runs] == [
        ("predict", "line", None),
        ("evaluate", "mine", "finished"),
        ("evaluate", "20250101-120000-caps", "finished"),
        ("tune", "caps", "unfinished"),
        ("train", "caps", "finished"),
    ]
    assert [run["began"][:10] for run in runs] == [f"2025-01-0{day}" for day in (5, 4, 3, 2, 1)]
    assert runs[1]["path"] == str(Path("runs/mine"))


@pytest.mark.usefixtures("work")
def test_each_tells_what_came_of_it_and_on_what(listed):
    predict, _, evaluate, tune, train = listed()
    assert (predict["rows"], predict["defective"]) == (3, 1)
    assert values(evaluate) == {"accuracy": 0.85, "miss_rate": 0.2, "auroc": 0.97}
    assert (evaluate["measured_on"], evaluate["metrics"][0]["n"]) == ("test, n=46", 46)
    assert values(tune) == {"score": 0.75}
    assert (tune["trials"], tune["planned_trials"]) == (3, 4)
    assert values(train) == {"accuracy": 0.9, "dice": 0.4, "miss_rate": 0.3}
    assert train["measured_on"] == "val, epoch 3"


def test_where_training_may_stop_early_the_best_validation_counts(work, listed):
    write(work / "runs/train/20250101-120000-caps", best__keras="weights")
    assert listed("--command", "train")[0]["measured_on"] == "val, epoch 2"


def test_what_a_run_was_measured_at_its_operating_point_counts_before_its_epochs(work, listed):
    write(work / "runs/train/20250101-120000-caps", validation__json=measured(accuracy=0.95))
    (train,) = listed("--command", "train")
    assert train["measured_on"] == "validation split"
    assert values(train) == {"accuracy": 0.95}


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("metric", "order"),
    [
        ("accuracy", ["mine", "caps", "20250101-120000-caps", "line", "caps"]),
        ("miss_rate", ["20250101-120000-caps", "caps", "mine", "line", "caps"]),
        ("score", ["caps", "line", "mine", "20250101-120000-caps", "caps"]),
    ],
)
def test_sorted_runs_have_the_best_first_and_those_without_last(listed, metric, order):
    assert [run["name"] for run in listed("--sort", metric)] == order


@pytest.mark.usefixtures("work")
def test_the_runs_of_one_command_can_be_had_alone(listed):
    assert [run["name"] for run in listed("--command", "tune")] == ["caps"]


@pytest.mark.usefixtures("work")
def test_the_table_fits_80_columns_and_ends_with_a_hint(invoke):
    done = invoke("runs")
    assert max(map(len, done.out.splitlines())) <= 80
    assert "mine  evaluate, finished" in done.out
    assert "2025-01-04" in done.out
    assert "0.950" in done.out
    assert "3 of 4 trials, best score 0.750" in done.out
    assert done.err == (
        "5 runs. Resume one that was stopped: capsule-inspect tune "
        "--resume runs/tune/20250102-120000-caps\n"
    )
    (head, *_) = [
        line for line in invoke("runs", "--sort", "auroc").out.splitlines() if "run" in line
    ]
    assert head.split()[:3] == ["run", "auroc", "accuracy"]


@pytest.mark.usefixtures("work")
def test_a_stopped_run_can_be_resumed(invoke):
    done = invoke("runs", "--sort", "score")
    assert "capsule-inspect tune --resume runs/tune/20250102-120000-caps" in done.err


@pytest.mark.usefixtures("work")
def test_a_metric_that_does_not_exist_is_guessed(invoke):
    done = invoke("runs", "--sort", "acuracy")
    assert done.exit_code == 2
    assert "Did you mean 'accuracy'?" in done.err


@pytest.mark.parametrize("arguments", [[], ["rusn"]])
def test_a_folder_that_is_not_there_is_one_sentence(invoke, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    done = invoke("runs", *arguments)
    assert done.exit_code == 2
    assert "There is no folder" in done.err
    assert done.out == ""


def test_a_folder_without_runs_lists_none(invoke, tmp_path):
    done = invoke("runs", tmp_path)
    assert (done.exit_code, done.out) == (0, "")
    assert "Make one: capsule-inspect train" in done.err


def test_a_study_counts_its_folds_and_is_one_run(listed, tmp_path):
    study = write(tmp_path / "study", config__yaml="train:\n  folds: 2\n  seeds: 2\n")
    for name in ("seed-0-fold-0", "seed-0-fold-1", "seed-1-fold-0"):
        write(study / name, config__yaml="train: {}", history__csv=HISTORY)
    write(study / "seed-0-fold-0", decision__json={})
    (run,) = listed(tmp_path)
    assert (run["name"], run["state"], run["note"]) == ("study", "unfinished", "1 of 4 folds")
    expected = measured(miss_rate=0.1)["metrics"]
    write(study, decision__json={"operating_point": {"expected": expected}})
    (run,) = listed(tmp_path)
    assert (run["state"], values(run)) == ("finished", {"miss_rate": 0.1})


def test_a_run_inside_a_run_is_listed_too(work, listed):
    train = work / "runs/train/20250101-120000-caps"
    write(train / "measured", metrics__json=measured(accuracy=0.5))
    assert [run["name"] for run in listed(train)] == ["measured", "caps"]


@pytest.mark.parametrize(
    ("files", "state", "reason"),
    [
        ({"metrics__json": '{"metrics": ['}, "damaged", "metrics.json is damaged"),
        ({"metrics__json": "[]"}, "damaged", "not a JSON object"),
        ({"metrics__json": "{}"}, "damaged", "`metrics`"),
        ({"metrics__json": '{"metrics": [{"name": "accuracy"}]}'}, "damaged", "missing"),
        ({"metrics__json": '{"metrics": NaN}'}, "damaged", "NaN"),
        ({"environment__json": "{}"}, "damaged", "environment.json is damaged"),
        ({"environment__json": environment("evaluate", 1)}, "unfinished", "no metrics.json"),
        ({"environment__json": environment("dance", 1)}, "damaged", "which command"),
        ({"history__csv": HISTORY}, "damaged", "config.yaml cannot be read"),
        ({"history__csv": HISTORY, "config__yaml": "a: ["}, "damaged", "not YAML"),
        ({"history__csv": HISTORY, "config__yaml": "[" * 9999}, "damaged", "not YAML"),
        ({"history__csv": "x\n1\n", "config__yaml": "a: 1"}, "damaged", "no column epoch"),
        ({"history__csv": HISTORY.replace("0.9", "?"), "config__yaml": "a: 1"}, "damaged", "'?'"),
        ({"decision__json": "{}", "config__yaml": "a: 1"}, "damaged", "model.keras is missing"),
        ({"trials__csv": "number\n0\n", "config__yaml": "a: 1"}, "damaged", "no column state"),
        ({"predictions__csv": "path\na.png\n"}, "damaged", "no column label"),
        ({"predictions__csv": "path,label\na.png,good\na.png\n"}, "damaged", "row 2"),
        ({"predictions__csv": "", "run__json": "{"}, "damaged", "run.json is damaged"),
    ],
)
def test_a_damaged_run_is_listed_with_the_reason(listed, invoke, tmp_path, files, state, reason):
    write(tmp_path / "bad", **files)
    write(tmp_path / "good", metrics__json=measured(accuracy=0.5))
    bad = next(run for run in listed(tmp_path) if run["name"] == "bad")
    assert bad["state"] == state
    assert reason in bad["note"]
    done = invoke("runs", tmp_path)
    assert done.exit_code == 0
    (line,) = [line for line in done.out.splitlines() if line.startswith("bad ")]
    assert state in line


def test_a_row_that_is_being_written_is_waited_for(listed, tmp_path):
    write(
        tmp_path,
        config__yaml="train:\n  epochs: 9\n",
        history__csv=HISTORY + "4,1.1,0.",
    )
    (run,) = listed(tmp_path)
    assert (run["state"], run["epochs"], run["measured_on"]) == ("unfinished", 3, "val, epoch 3")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_text_is_listed(invoke, tmp_path):
    write(
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")),
        config__yaml="train:\n  epochs: 9\n",
        history__csv=HISTORY,
    )
    for arguments in ([], ["--json"], ["--sort", "accuracy"]):
        done = invoke("runs", tmp_path, *arguments)
        assert done.exit_code == 0, done.err
        assert "udcff" in done.out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses such names")
def test_a_name_tells_the_terminal_nothing(invoke, tmp_path):
    write(tmp_path / "red\x1b[31m", config__yaml="train:\n  epochs: 9\n", history__csv=HISTORY)
    shown = invoke("runs", tmp_path).out
    assert "red?[31m" in shown
    assert "\x1b" not in shown


def test_an_empty_folder_of_a_command_is_unfinished(listed, tmp_path):
    (tmp_path / "runs/evaluate/20250101-120000-caps").mkdir(parents=True)
    (run,) = listed(tmp_path)
    assert (run["command"], run["state"]) == ("evaluate", "unfinished")


def test_a_folder_that_cannot_be_read_is_listed(listed, tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    scan = os.scandir

    def scan_most(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", scan_most)
    (run,) = listed(tmp_path)
    assert (run["state"], run["note"]) == (
        "damaged",
        "the folder cannot be read: Permission denied",
    )


@pytest.mark.usefixtures("work")
def test_nothing_heavy_is_imported(modules_after):
    heavy = {"numpy", "cv2", "tensorflow", "keras", "hydra", "omegaconf", "optuna"}
    assert not modules_after("runs") & heavy
