import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.drift import Shift, read_shifts
from capsule_inspect.inference.results_folder import (
    OpenResults,
    ResultsFolder,
    RunSettings,
    check_results,
    open_results,
    sentences_for,
)
from capsule_inspect.modelfile.metadata import RANGE_NAMES


def test_pictures_are_named_by_their_source_and_format():
    assert ResultsFolder.overlay_name("line/a.jpg", "webp") == "overlays/line/a.jpg.webp"
    assert ResultsFolder.mask_name("line/a.jpg") == "masks/line/a.jpg.png"


def test_files_are_whole_and_nothing_else_is_left(tmp_path):
    folder = OpenResults(tmp_path)
    folder.write("overlays/a/b.png", b"overlay")
    assert (tmp_path / "overlays/a/b.png").read_bytes() == b"overlay"
    assert folder.holds("overlays/a/b.png")
    assert not list(tmp_path.rglob(".unfinished*"))


def test_what_was_lost_to_a_power_cut_is_not_held(tmp_path):
    (tmp_path / "empty.png").touch()
    assert not ResultsFolder(tmp_path).holds("empty.png")
    assert not ResultsFolder(tmp_path).holds("none.png")


def test_what_cannot_be_written_is_told(tmp_path):
    (tmp_path / "overlays").touch()
    with pytest.raises(UsageError, match=r"overlays' cannot be written: .*-o"):
        OpenResults(tmp_path).write("overlays/a.png", b"overlay")


@pytest.mark.parametrize(
    ("text", "is_of_a_run"),
    [
        ('{"made_by": "capsule-inspect predict"}', True),
        ('{"made_by": "me"}', False),
        ("[]", False),
        ("{", False),
    ],
)
def test_folders_of_runs_are_known_by_run_json(tmp_path, text, is_of_a_run):
    folder = ResultsFolder(tmp_path)
    assert not folder.is_of_a_run()
    folder.run_file.write_text(text)
    assert folder.is_of_a_run() == is_of_a_run


def test_it_is_light_enough_for_a_list_of_runs():
    code = (
        "import sys, capsule_inspect.inference.results_folder, capsule_inspect.inference.records\n"
        "sys.exit(sorted({'numpy', 'cv2', 'filelock'} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


SETTINGS = RunSettings(
    version="1.0",
    model="a" * 64,
    classes=("good", "crack"),
    temperature=1.0,
    threshold=0.5,
    mask_threshold=0.5,
    overlays="all",
    overlay_format="png",
    masks=False,
    max_pixels=100,
)


@pytest.fixture
def folder(tmp_path):
    """A folder that holds the results of a run, and a file of the user's own."""
    with open_results(tmp_path / "out", SETTINGS) as results:
        results.write("overlays/a/b.png", b"overlay")
        results.records.write_bytes(b"rows")
        results.report.write_bytes(b"page")
    (results.path / "notes.txt").write_text("mine")
    return ResultsFolder(results.path)


def test_a_new_folder_says_what_it_was_made_with(tmp_path):
    folder = ResultsFolder(tmp_path / "deep/out")
    with open_results(folder.path, SETTINGS):
        assert folder.run_file.read_bytes() == SETTINGS.to_json()
        assert folder.is_of_a_run()


def test_results_are_refused_unless_asked_for(folder):
    with pytest.raises(UsageError, match=r"not empty.*--resume.*--overwrite.*-o"):
        check_results(folder.path, "refuse")


def test_resuming_keeps_them_and_removes_the_report_and_what_was_cut_short(folder):
    (folder.path / "overlays/a/.unfinished-123").write_bytes(b"half")
    with open_results(folder.path, SETTINGS, "resume"):
        assert (folder.path / "overlays/a/b.png").is_file()
        assert folder.records.is_file()
        assert not folder.report.exists()  # or it could be of fewer rows
    assert not list(folder.path.rglob(".unfinished*"))


@pytest.mark.parametrize("changed", [{"threshold": 0.4}, {"masks": True}])
def test_resuming_otherwise_than_before_is_refused_and_says_what_differs(folder, changed):
    (key,) = changed
    with (
        pytest.raises(UsageError, match=rf"{key} was .*, now {changed[key]}.*--overwrite"),
        open_results(folder.path, replace(SETTINGS, **changed), "resume"),
    ):
        pass


def test_a_run_of_an_earlier_version_says_what_it_lacks(folder):
    before = json.loads(folder.run_file.read_bytes())
    del before["masks"]
    folder.run_file.write_text(json.dumps(before))
    with (
        pytest.raises(UsageError, match="masks was None, now False"),
        open_results(folder.path, SETTINGS, "resume"),
    ):
        pass


numbers = st.floats(allow_nan=False, allow_infinity=False)
shifts = st.builds(Shift, st.sampled_from(RANGE_NAMES), numbers, numbers, numbers)


@given(st.lists(shifts))
def test_drift_reads_back_from_run_json_and_is_no_setting(drift):
    with tempfile.TemporaryDirectory() as name:
        with open_results(Path(name), SETTINGS) as results:
            results.write_drift([asdict(shift) for shift in drift])
        written = results.run_file.read_bytes()
        assert read_shifts(results.read_run()["drift"]) == tuple(drift)
        with open_results(Path(name), SETTINGS, "resume"):
            assert results.run_file.read_bytes() == written
        with open_results(Path(name), SETTINGS, "overwrite"):
            assert results.run_file.read_bytes() == SETTINGS.to_json()


def test_drift_written_again_takes_the_place_of_that_before(folder):
    with open_results(folder.path, SETTINGS, "resume") as results:
        results.write_drift([{"name": "red"}])
        results.write_drift([])
    assert folder.read_run() == {**json.loads(SETTINGS.to_json()), "drift": []}


@pytest.mark.parametrize("how", ["resume", "overwrite"])
@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"made_by": "me"}'])
def test_a_folder_whose_settings_are_not_of_this_command_is_never_taken(folder, text, how):
    folder.run_file.write_text(text)
    with pytest.raises(UsageError, match=r"run\.json"), open_results(folder.path, SETTINGS, how):
        pass
    assert (folder.path / "overlays/a/b.png").exists()


@pytest.mark.parametrize("how", ["refuse", "resume", "overwrite"])
def test_a_run_that_ended_before_it_wrote_anything_is_no_obstacle(tmp_path, how):
    for name in (".lock", ".unfinished-123"):
        (tmp_path / name).touch()
    with open_results(tmp_path, SETTINGS, how):
        assert sorted(file.name for file in tmp_path.iterdir()) == [".lock", "run.json"]


def test_overwriting_removes_the_list_of_what_a_watch_removed(folder):
    folder.removed.write_text("file\noverlays/a.png\n")
    with open_results(folder.path, SETTINGS, "resume"):
        assert folder.removed.exists()
    with open_results(folder.path, SETTINGS, "overwrite"):
        assert not folder.removed.exists()


def test_overwriting_removes_the_run_and_nothing_else(folder):
    with open_results(folder.path, replace(SETTINGS, threshold=0.4), "overwrite"):
        assert not folder.records.exists()
        assert not folder.report.exists()
        assert not (folder.path / "overlays").exists()
    assert (folder.path / "notes.txt").read_text() == "mine"
    assert json.loads(folder.run_file.read_bytes())["threshold"] == 0.4


def test_a_run_that_wrote_no_row_can_be_overwritten(tmp_path):
    folder = ResultsFolder(tmp_path / "out")
    for threshold in (0.5, 0.4):
        with open_results(folder.path, replace(SETTINGS, threshold=threshold), "overwrite"):
            assert json.loads(folder.run_file.read_bytes())["threshold"] == threshold


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_a_folder_of_others_is_never_taken(tmp_path, how):
    (tmp_path / "overlays").mkdir()
    (tmp_path / "overlays/mine.png").touch()
    with pytest.raises(UsageError, match=r"run\.json"):
        check_results(tmp_path, how)
    assert (tmp_path / "overlays/mine.png").exists()


@pytest.mark.parametrize("how", ["refuse", "resume", "overwrite"])
def test_two_runs_do_not_share_a_folder(tmp_path, how):
    folder = ResultsFolder(tmp_path / "out")
    with (
        open_results(folder.path, SETTINGS),
        pytest.raises(UsageError, match="not empty" if how == "refuse" else "Another run"),
        open_results(folder.path, SETTINGS, how),
    ):
        pass


def test_resuming_what_is_not_there_begins_it(tmp_path):
    folder = ResultsFolder(tmp_path / "out")
    with open_results(folder.path, SETTINGS, "resume"):
        assert folder.run_file.is_file()


def test_run_json_is_as_runs_before_have_written_it():
    settings = RunSettings(
        "1.0", "ab" * 32, ("good", "crack"), 1.5, 0.4, 0.6, "all", "png", True, 9
    )
    text = settings.to_json().decode()
    assert text.endswith("\n}\n")
    assert list(json.loads(text).items()) == [
        ("made_by", "capsule-inspect predict"),
        ("version", "1.0"),
        ("model", "ab" * 32),
        ("classes", ["good", "crack"]),
        ("temperature", 1.5),
        ("threshold", 0.4),
        ("mask_threshold", 0.6),
        ("overlays", "all"),
        ("overlay_format", "png"),
        ("masks", True),
        ("max_pixels", 9),
    ]


@pytest.mark.parametrize(
    ("error", "start"),
    [
        (
            OSError(28, "No space left on device", "out/a.png"),
            "'out/a.png' cannot be written: No sp",
        ),
        (
            OSError(28, "No space left on device"),
            "'out' cannot be written: No space left on device.",
        ),
        (OSError("odd"), "'out' cannot be written: odd."),
    ],
)
def test_errors_of_writing_say_where_and_why_and_what_to_do(error, start):
    with pytest.raises(UsageError) as caught, sentences_for(Path("out")):
        raise error
    assert str(caught.value).startswith(start)
    assert "--resume" in str(caught.value)


def test_other_errors_pass(tmp_path):
    with pytest.raises(KeyError), sentences_for(tmp_path):
        raise KeyError("x")
