import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.errors import UsageError
from capsule_inspect.runs.run_folder import (
    RunFolder,
    base_name,
    input_name,
    model_name,
    new_run_folder,
    slug,
)


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


def test_members_are_the_runs_of_folds_and_nothing_else(tmp_path):
    for name in ("seed-1-fold-0", "seed-0-fold-2", "seed-0-fold-x", "seed-0", "old-seed-0-fold-1"):
        (tmp_path / name).mkdir()
    study = RunFolder(tmp_path)
    assert [run.path.name for run in study.members()] == ["seed-0-fold-2", "seed-1-fold-0"]
    assert study.member(seed=1, fold=0) == study.members()[1]
    assert study.members()[0].members() == ()


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


def test_a_start_that_came_to_nothing_is_not_in_the_way(work: Path):
    for name in ("config.yaml", "environment.json", ".lock", "seed-0-fold-1/config.yaml"):
        (work / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "run" / name).touch()
        if name != "config.yaml":
            assert new_run_folder("train", "caps", work / "run") == work / "run"


@pytest.mark.parametrize(
    "name",
    ["checkpoint.keras", "notes/config.yaml", "seed-0-fold-0/checkpoint.keras", "metrics.json"],
)
def test_what_has_begun_or_is_another_persons_is_in_the_way(work: Path, name: str):
    for each in ("config.yaml", "environment.json", name):
        (work / "run" / each).parent.mkdir(parents=True, exist_ok=True)
        (work / "run" / each).touch()
    with pytest.raises(UsageError, match="is not empty"):
        new_run_folder("train", "caps", work / "run")
    (work / "mine").mkdir()
    (work / "mine/config.yaml").touch()
    with pytest.raises(UsageError, match="is not empty"):
        new_run_folder("train", "caps", work / "mine")


@pytest.mark.parametrize(
    ("command", "goes_on"), [("train", True), ("tune", True), ("evaluate", False)]
)
def test_a_wanted_folder_with_something_in_it_is_refused_with_the_way_on(
    work: Path, command: str, goes_on: bool
):
    (work / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty") as refused:
        new_run_folder(command, "caps", work)
    assert (f"{command} --resume {work}" in str(refused.value)) == goes_on


def test_a_wanted_folder_that_is_a_file_is_refused(work: Path):
    (work / "file").write_text("mine")
    for wanted in (work / "file", work / "file" / "below"):
        with pytest.raises(UsageError, match="cannot be created"):
            new_run_folder("train", "caps", wanted)


def test_a_file_in_the_way_of_all_runs_is_refused():
    Path("runs").write_text("mine")
    with pytest.raises(UsageError, match="cannot be created"):
        new_run_folder("train", "caps")


def test_where_links_cannot_be_made_the_run_goes_on(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError("a required privilege is not held")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    run = new_run_folder("train", "caps")
    assert [path.name for path in Path("runs/train").iterdir()] == [run.name]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("capsule", "capsule"),
        ("line 2/3", "line-2-3"),
        ("Prüfung", "Prufung"),
        ("v1.2_b-3", "v1.2_b-3"),
        ("../..", ""),
        ("*.png", "png"),
        ("-", ""),
        ("a" * 99, "a" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_a_name_keeps_what_is_safe_for_files(text: str, name: str):
    assert slug(text) == name


@given(st.text())
def test_every_name_is_safe(text: str):
    assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,38}[A-Za-z0-9])?)?", slug(text))


def test_a_path_is_named_by_its_last_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "caps").mkdir()
    monkeypatch.chdir(tmp_path / "caps")
    names = [base_name(path) for path in ("a/b.png", "a/b/", ".", "..")]
    assert names == ["b.png", "b", "caps", tmp_path.name]


def test_an_input_is_named_without_the_ending_of_a_file(tmp_path: Path):
    (tmp_path / "line.2").mkdir()
    names = [
        input_name(text) for text in (f"{tmp_path}/line.2/", "a/b.c.png", "@list.txt", "x/*.png")
    ]
    assert [slug(name) for name in names] == ["line.2", "b.c", "list", ""]


def test_a_model_is_named_by_its_run_or_its_file(tmp_path: Path):
    run = tmp_path / "first"
    run.mkdir()
    latest = tmp_path / "latest"
    latest.symlink_to("first")
    alone = tmp_path / "strict.tflite"
    assert model_name(latest) == "first"
    assert model_name(run / "model.keras") == "model"
    (run / "decision.json").write_text("{}")
    assert model_name(latest / "model.keras") == "first"
    assert model_name(alone) == "strict"
