import json
import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from capsule_inspect import __version__
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import DataError
from capsule_inspect.runs.environment import (
    GitState,
    look_around,
    read_git_state,
    require_same_data,
    write_environment,
)

DATA = DataSet(
    Path("here"),
    ("good",),
    (
        Sample("0.png", "good", "", "train", None, "ab" * 32, 1, 1),
        Sample("1.png", "good", "", "test", None, "cd" * 32, 1, 1),
    ),
    0,
    "drawn",
    "none",
    "1",
)


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


@pytest.fixture
def repository(work: Path) -> Path:
    """A repository in the working directory, with one commit."""
    (work / "notes.txt").write_text("one")
    me = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    for command in (("init", "-q"), ("add", "notes.txt"), (*me, "commit", "-q", "-m", "Begin")):
        subprocess.run(["git", *command], check=True)  # noqa: S607
    return work


def test_a_run_goes_on_with_its_own_data_alone(work: Path):
    write_environment(work, look_around("train", [], DATA))
    require_same_data(work, DATA, "here")
    renamed = replace(DATA, samples=(replace(DATA.samples[0], label="fine"), DATA.samples[1]))
    with pytest.raises(DataError, match=r"'there' is not the one that '.*' began with"):
        require_same_data(work, renamed, "there")


@pytest.mark.parametrize("content", ["{}", "no JSON", None])
def test_a_run_of_an_older_version_goes_on_with_any_data(work: Path, content: str | None):
    if content is not None:
        (work / "environment.json").write_text(content)
    require_same_data(work, DATA, "here")


def test_the_file_holds_what_a_run_was_made_with(work: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    begin = datetime.now().astimezone().replace(microsecond=0)
    write_environment(work, look_around("train", ["train.epochs=3", "a=b://me:geheim@h"], DATA))
    stored = json.loads((work / "environment.json").read_text())
    assert begin <= datetime.fromisoformat(stored["began"]) <= datetime.now().astimezone()
    assert stored["command"] == "train"
    assert stored["overrides"] == ["train.epochs=3", "a=b://me:***@h"]
    assert stored["tool_version"] == __version__
    assert stored["packages"].keys() >= {"numpy", "hydra-core"}
    assert stored["keras_backend"] == "jax"
    assert stored["git"] is None
    assert stored["pictures_sha256"] == DATA.pictures_sha256
    assert stored["training_sha256"] == DATA.training_sha256 != stored["pictures_sha256"]


def test_the_commit_is_told_and_whether_files_differ_from_it(repository: Path):
    clean = read_git_state()
    assert clean is not None
    assert len(clean.commit) == 40
    assert clean.dirty is False
    (repository / "new.txt").write_text("not tracked")
    assert read_git_state() == clean
    (repository / "notes.txt").write_text("two")
    assert read_git_state() == GitState(clean.commit, dirty=True)


@pytest.mark.usefixtures("repository")
def test_without_git_nothing_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert read_git_state() is None


def test_a_repository_without_a_commit_has_no_state():
    subprocess.run(["git", "init", "-q"], check=True)  # noqa: S607
    assert read_git_state() is None
