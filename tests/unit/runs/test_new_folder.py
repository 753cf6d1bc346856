import re
from pathlib import Path

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.runs.new_folder import new_run_folder


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("about", "end"), [("caps", "-caps"), ("my caps: 2", "-my-caps-2"), ("", ""), ("???", "")]
)
def test_a_run_folder_is_named_by_command_time_and_what_it_is_about(about: str, end: str):
    run = new_run_folder("train", about)
    assert run.is_dir()
    assert run.parent == Path("runs/train")
    assert re.fullmatch(rf"\d{{8}}-\d{{6}}{end}", run.name)


def test_runs_of_one_second_get_folders_of_their_own():
    runs = [new_run_folder("train", "caps") for _ in range(5)]
    assert len(set(runs)) == 5
    assert all(path.is_dir() for path in runs)


def test_latest_points_to_the_newest_and_moves_with_the_folder(work: Path):
    first = new_run_folder("train", "caps")
    latest = Path("runs/train/latest")
    assert latest.resolve() == first.resolve()
    second = new_run_folder("train", "caps")
    assert latest.resolve() == second.resolve()
    assert not latest.readlink().is_absolute()
    moved = work / "runs"
    moved = moved.rename(work / "elsewhere")
    assert (moved / "train" / "latest").resolve() == (moved / "train" / second.name).resolve()


def test_commands_have_a_latest_each():
    train, tune = new_run_folder("train", "caps"), new_run_folder("tune", "caps")
    assert Path("runs/train/latest").resolve() == train.resolve()
    assert Path("runs/tune/latest").resolve() == tune.resolve()


def test_a_latest_whose_run_is_gone_is_replaced():
    first = new_run_folder("train", "caps")
    first.rmdir()
    second = new_run_folder("train", "caps")
    assert Path("runs/train/latest").resolve() == second.resolve()


def test_a_folder_of_the_users_called_latest_is_left_alone():
    mine = Path("runs/train/latest")
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("mine")
    run = new_run_folder("train", "caps")
    assert run.is_dir()
    assert (mine / "notes.txt").read_text() == "mine"
    assert sorted(p.name for p in run.parent.iterdir()) == sorted([run.name, "latest"])


def test_a_wanted_folder_is_made_or_taken_if_empty(work: Path):
    wanted = work / "a" / "b"
    assert new_run_folder("train", "caps", wanted) == wanted
    assert wanted.is_dir()
    assert new_run_folder("train", "caps", wanted) == wanted
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("command", "goes_on"), [("train", True), ("tune", True), ("evaluate", False)]
)
def test_a_wanted_folder_with_something_in_it_is_refused_with_the_way_on(
    work: Path, command: str, goes_on: bool
):
    (work / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty") as refused:
        new_run_folder(command, "caps", work)
    assert (f"{command}.resume={work}" in str(refused.value)) == goes_on


def test_a_wanted_folder_that_is_a_file_is_refused(work: Path):
    (work / "file").write_text("mine")
    for wanted in (work / "file", work / "file" / "below"):
        with pytest.raises(UsageError, match="cannot be made"):
            new_run_folder("train", "caps", wanted)


def test_a_file_in_the_way_of_all_runs_is_refused():
    Path("runs").write_text("mine")
    with pytest.raises(UsageError, match="cannot be made"):
        new_run_folder("train", "caps")


def test_where_links_cannot_be_made_the_run_goes_on(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError("a required privilege is not held")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    run = new_run_folder("train", "caps")
    assert [path.name for path in Path("runs/train").iterdir()] == [run.name]
