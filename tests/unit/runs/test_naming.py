import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.runs.model_name import model_name
from capsule_inspect.runs.naming import base_name, input_name, safe_name


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
    assert safe_name(text) == name


@given(st.text())
def test_every_name_is_safe(text: str):
    assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,38}[A-Za-z0-9])?)?", safe_name(text))


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
    assert [safe_name(name) for name in names] == ["line.2", "b.c", "list", ""]


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
