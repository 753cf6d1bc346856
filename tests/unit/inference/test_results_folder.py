import subprocess
import sys

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.results_folder import ResultsFolder


def test_pictures_are_named_by_their_source_and_format():
    assert ResultsFolder.overlay_name("line/a.jpg", "webp") == "overlays/line/a.jpg.webp"
    assert ResultsFolder.mask_name("line/a.jpg") == "masks/line/a.jpg.png"


def test_files_are_whole_and_nothing_else_is_left(tmp_path):
    folder = ResultsFolder(tmp_path)
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
        ResultsFolder(tmp_path).write("overlays/a.png", b"overlay")


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
        "import sys, capsule_inspect.inference.results_folder, capsule_inspect.inference.record\n"
        "sys.exit(sorted({'numpy', 'cv2', 'filelock'} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
