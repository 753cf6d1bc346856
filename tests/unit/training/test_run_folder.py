import re
from pathlib import Path

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.training.run_folder import RunFolder, create_run_folder


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_have_the_names_of_the_contract():
    run = RunFolder(Path("x"))
    names = [run.config, run.checkpoint, run.model, run.history, run.decision]
    assert [path.as_posix() for path in names] == [
        "x/config.yaml",
        "x/checkpoint.keras",
        "x/model.keras",
        "x/history.csv",
        "x/decision.json",
    ]


def test_a_run_folder_is_named_by_command_and_time():
    run = create_run_folder("train")
    assert run.path.is_dir()
    assert run.path.parent == Path("runs/train")
    assert re.fullmatch(r"\d{8}-\d{6}", run.path.name)


def test_runs_of_one_second_get_folders_of_their_own():
    runs = [create_run_folder("train").path for _ in range(5)]
    assert len(set(runs)) == 5
    assert all(path.is_dir() for path in runs)


def test_latest_points_to_the_newest_and_moves_with_the_folder(work: Path):
    first = create_run_folder("train").path
    latest = Path("runs/train/latest")
    assert latest.resolve() == first.resolve()
    second = create_run_folder("train").path
    assert latest.resolve() == second.resolve()
    assert not latest.readlink().is_absolute()
    moved = work / "runs"
    moved = moved.rename(work / "elsewhere")
    assert (moved / "train" / "latest").resolve() == (moved / "train" / second.name).resolve()


def test_commands_have_a_latest_each():
    train, tune = create_run_folder("train").path, create_run_folder("tune").path
    assert Path("runs/train/latest").resolve() == train.resolve()
    assert Path("runs/tune/latest").resolve() == tune.resolve()


def test_a_latest_whose_run_is_gone_is_replaced():
    first = create_run_folder("train").path
    first.rmdir()
    second = create_run_folder("train").path
    assert Path("runs/train/latest").resolve() == second.resolve()


def test_a_folder_of_the_users_called_latest_is_left_alone():
    mine = Path("runs/train/latest")
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("mine")
    run = create_run_folder("train").path
    assert run.is_dir()
    assert (mine / "notes.txt").read_text() == "mine"
    assert sorted(p.name for p in run.parent.iterdir()) == sorted([run.name, "latest"])


def test_a_wanted_folder_is_made_or_taken_if_empty(work: Path):
    wanted = work / "a" / "b"
    assert create_run_folder("train", wanted).path == wanted
    assert wanted.is_dir()
    assert create_run_folder("train", wanted).path == wanted
    assert not Path("runs").exists()


def test_a_wanted_folder_with_something_in_it_is_refused(work: Path):
    (work / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        create_run_folder("train", work)


def test_a_wanted_folder_that_is_a_file_is_refused(work: Path):
    (work / "file").write_text("mine")
    for wanted in (work / "file", work / "file" / "below"):
        with pytest.raises(UsageError, match="cannot be made"):
            create_run_folder("train", wanted)


def test_a_file_in_the_way_of_all_runs_is_refused():
    Path("runs").write_text("mine")
    with pytest.raises(UsageError, match="cannot be made"):
        create_run_folder("train")
