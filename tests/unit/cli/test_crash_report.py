import re
import tempfile
from pathlib import Path

import pytest

from capsule_inspect.cli.crash_report import report_crash


def crash(message: str) -> str:
    try:
        raise ZeroDivisionError(message)
    except ZeroDivisionError as error:
        return report_crash(error)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["capsule-inspect", "tune", "tune.storage=a://me:hush@host"])


def test_the_sentence_names_the_error_and_a_file_with_all_to_report():
    said = crash("nothing\nto share")
    start = "This should not have happened: ZeroDivisionError: nothing to share. "
    assert said.startswith(f"{start}Please report it, with the file '")
    report = Path(re.search("'(.*)'", said)[1]).read_text(encoding="utf-8")
    assert "capsule-inspect tune tune.storage=a://me:***@host" in report
    assert "raise ZeroDivisionError(message)\nZeroDivisionError: nothing" in report


def test_where_no_file_can_be_written_the_lines_are_shown(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    said = crash("")
    assert "ZeroDivisionError: no reason given. Please report it, with these lines:\n" in said
    assert said.rstrip().endswith("ZeroDivisionError")
