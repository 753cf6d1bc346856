from pathlib import Path

import pytest

from capsule_inspect.suggest import closest, suggest, suggest_path


@pytest.mark.parametrize(
    ("word", "meant"),
    [("trian", "train"), ("TEST", "test"), ("valid", "val"), ("zzzz", None), ("", None)],
)
def test_the_closest_word_is_found_whatever_its_case(word, meant):
    assert closest(word, ["train", "val", "test"]) == meant


def test_a_suggestion_is_a_sentence_or_nothing():
    assert suggest("acuracy", ["accuracy", "auroc"]) == " Did you mean 'accuracy'?"
    assert suggest("zzzz", ["accuracy", "auroc"]) == ""
    assert suggest("accuracy", []) == ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "capsule").mkdir(parents=True)
    (tmp_path / "data" / "capsule" / "0001.png").touch()
    (tmp_path / "model.tflite").touch()
    (tmp_path / ".modal.tflite").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("modl.tflite", "model.tflite"),
        ("Model.TFLITE", "model.tflite"),
        ("model", "model.tflite"),
        ("data/capsul", "data/capsule"),
        ("date/capsuls/001.png", "data/capsule/0001.png"),
    ],
)
def test_every_wrong_part_of_a_path_is_set_right(folder, wrong, right):
    assert suggest_path(folder / wrong) == f" Did you mean '{folder / right}'?"


def test_a_relative_path_stays_relative(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert suggest_path(Path("data/capsul")) == f" Did you mean '{Path('data/capsule')}'?"


@pytest.mark.parametrize("wrong", ["zzzz", "data/zzzz", "zzzz/capsule", "model.tflite/inner"])
def test_nothing_is_made_of_what_resembles_nothing(folder, wrong):
    assert suggest_path(folder / wrong) == ""


def test_what_exists_needs_no_suggestion(folder):
    assert suggest_path(folder / "model.tflite") == ""


def test_names_that_no_file_can_have_are_left_alone(folder):
    assert suggest_path(folder / ("x" * 5000)) == ""
    assert suggest_path(folder / "a\0b") == ""
