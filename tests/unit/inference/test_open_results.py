import json
from dataclasses import replace

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.open_results import check_results, open_results
from capsule_inspect.inference.results_folder import ResultsFolder
from capsule_inspect.inference.run_settings import RunSettings

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
    folder = ResultsFolder(tmp_path / "out")
    with open_results(folder, SETTINGS):
        folder.write("overlays/a/b.png", b"overlay")
        folder.records.write_bytes(b"rows")
        folder.report.write_bytes(b"page")
    (folder.path / "notes.txt").write_text("mine")
    return folder


def test_a_new_folder_says_what_it_was_made_with(tmp_path):
    folder = ResultsFolder(tmp_path / "deep/out")
    with open_results(folder, SETTINGS):
        assert folder.run_file.read_bytes() == SETTINGS.to_json()
        assert folder.is_of_a_run()


def test_results_are_refused_unless_asked_for(folder):
    with pytest.raises(UsageError, match=r"not empty.*--resume.*--overwrite.*-o"):
        check_results(folder, "refuse")


def test_resuming_keeps_them_and_removes_the_report_and_what_was_cut_short(folder):
    (folder.path / "overlays/a/.unfinished-123").write_bytes(b"half")
    with open_results(folder, SETTINGS, "resume"):
        assert (folder.path / "overlays/a/b.png").is_file()
        assert folder.records.is_file()
        assert not folder.report.exists()  # or it could be of fewer rows
    assert not list(folder.path.rglob(".unfinished*"))


@pytest.mark.parametrize("changed", [{"threshold": 0.4}, {"masks": True}])
def test_resuming_otherwise_than_before_is_refused_and_says_what_differs(folder, changed):
    (key,) = changed
    with (
        pytest.raises(UsageError, match=rf"{key} was .*, now {changed[key]}.*--overwrite"),
        open_results(folder, replace(SETTINGS, **changed), "resume"),
    ):
        pass


def test_a_run_of_an_earlier_version_says_what_it_lacks(folder):
    before = json.loads(folder.run_file.read_bytes())
    del before["masks"]
    folder.run_file.write_text(json.dumps(before))
    with (
        pytest.raises(UsageError, match="masks was None, now False"),
        open_results(folder, SETTINGS, "resume"),
    ):
        pass


@pytest.mark.parametrize("how", ["resume", "overwrite"])
@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"made_by": "me"}'])
def test_a_folder_whose_settings_are_not_of_this_command_is_never_taken(folder, text, how):
    folder.run_file.write_text(text)
    with pytest.raises(UsageError, match=r"run\.json"), open_results(folder, SETTINGS, how):
        pass
    assert (folder.path / "overlays/a/b.png").exists()


@pytest.mark.parametrize("how", ["refuse", "resume", "overwrite"])
def test_a_run_that_ended_before_it_wrote_anything_is_no_obstacle(tmp_path, how):
    for name in (".lock", ".unfinished-123"):
        (tmp_path / name).touch()
    with open_results(ResultsFolder(tmp_path), SETTINGS, how):
        assert sorted(file.name for file in tmp_path.iterdir()) == [".lock", "run.json"]


def test_overwriting_removes_the_run_and_nothing_else(folder):
    with open_results(folder, replace(SETTINGS, threshold=0.4), "overwrite"):
        assert not folder.records.exists()
        assert not folder.report.exists()
        assert not (folder.path / "overlays").exists()
    assert (folder.path / "notes.txt").read_text() == "mine"
    assert json.loads(folder.run_file.read_bytes())["threshold"] == 0.4


def test_a_run_that_wrote_no_row_can_be_overwritten(tmp_path):
    folder = ResultsFolder(tmp_path / "out")
    for threshold in (0.5, 0.4):
        with open_results(folder, replace(SETTINGS, threshold=threshold), "overwrite"):
            assert json.loads(folder.run_file.read_bytes())["threshold"] == threshold


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_a_folder_of_others_is_never_taken(tmp_path, how):
    (tmp_path / "overlays").mkdir()
    (tmp_path / "overlays/mine.png").touch()
    with pytest.raises(UsageError, match=r"run\.json"):
        check_results(ResultsFolder(tmp_path), how)
    assert (tmp_path / "overlays/mine.png").exists()


@pytest.mark.parametrize("how", ["refuse", "resume", "overwrite"])
def test_two_runs_do_not_share_a_folder(tmp_path, how):
    folder = ResultsFolder(tmp_path / "out")
    with (
        open_results(folder, SETTINGS),
        pytest.raises(UsageError, match="not empty" if how == "refuse" else "Another run"),
        open_results(folder, SETTINGS, how),
    ):
        pass


def test_resuming_what_is_not_there_begins_it(tmp_path):
    folder = ResultsFolder(tmp_path / "out")
    with open_results(folder, SETTINGS, "resume"):
        assert folder.run_file.is_file()
