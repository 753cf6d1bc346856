import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.text import (
    closest,
    command_line,
    counted,
    listed,
    mask_passwords,
    on_one_line,
    printable,
    suggest,
    suggest_path,
)


def test_one_is_singular_and_all_else_plural():
    said = [counted(number, "picture") for number in (0, 1, 2)]
    assert said == ["0 pictures", "1 picture", "2 pictures"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Prüfung 品.png", "Prüfung 品.png"),
        ("a\nb\tc\x1b[1m", "a?b?c?[1m"),
        ("latin\udce9", r"latin\udce9"),
    ],
)
def test_what_breaks_a_line_is_replaced(text: str, line: str) -> None:
    assert on_one_line(text) == line


@given(st.binary())
def test_any_file_name_can_be_written(name):
    assert printable(os.fsdecode(name)).encode("utf-8").decode("utf-8") == printable(
        os.fsdecode(name)
    )


@given(st.text(st.characters(codec="utf-8")))
def test_text_stays_as_it_is(text):
    assert printable(text) == text


def test_bytes_that_are_no_text_are_spelled():
    assert printable("a\udcffb") == r"a\udcffb"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            "tune.storage=postgresql://me:p@ss/w:rd@host/db",
            "tune.storage=postgresql://me:***@host/db",
        ),
        ("redis://:geheim@host", "redis://:***@host"),
        ("mysql://host/db?user=me&password=geheim&x=1", "mysql://host/db?user=me&password=***&x=1"),
        ("storage: 'pg://h/d?sslpassword=geheim'", "storage: 'pg://h/d?sslpassword=***'"),
        ("mysql://host/db?ssl_passphrase=geheim", "mysql://host/db?ssl_passphrase=***"),
        ("a: 'pg://h/d?password='\nb: 'c'", "a: 'pg://h/d?password=***'\nb: 'c'"),
        ("dsn: host=h password=geheim user=me", "dsn: host=h password=*** user=me"),
        ("a: pg://me:one@h\nb: me@home", "a: pg://me:***@h\nb: me@home"),
        ("sqlite:///runs/a.db", "sqlite:///runs/a.db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("train.epochs=3", "train.epochs=3"),
    ],
)
def test_passwords_are_masked_and_nothing_else(text: str, masked: str):
    assert mask_passwords(text) == masked


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


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
        min_size=1,
    )
)
def test_a_shell_reads_a_command_line_as_it_was(words):
    names = [word.encode() for word in words]
    line = command_line(*words).removeprefix("capsule-inspect")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", line)
    done = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\0' x{line}"], capture_output=True, check=True, timeout=10
    )
    assert done.stdout.split(b"\0")[1:-1] == names


def test_a_path_that_begins_with_a_dash_is_no_option():
    assert command_line("predict", Path("-x"), "-o") == "capsule-inspect predict ./-x -o"


@pytest.mark.parametrize(
    ("words", "text"),
    [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcde", "a, b, c and 2 more")],
)
def test_words_are_listed_and_many_are_counted(words, text):
    assert listed(list(words), most=3) == text
