from collections import Counter
from pathlib import Path

import pytest
from recorder import Recorder

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.dataset.problems import UnfitDataError
from capsule_inspect.errors import UsageError
from capsule_inspect.workflows.prepare import prepare

DRAWN = ("data.count=6", "data.size=200")


def test_drawn_capsules_become_a_data_set_in_silence(tmp_path, capfd):
    done = prepare("drawn", str(tmp_path / "out"), overrides=DRAWN)
    assert done.folder == tmp_path / "out"
    assert done.data == read_dataset(tmp_path / "out")
    assert len(done.data.samples) == 6
    assert done.page == tmp_path / "out/dataset.html"
    assert "Data set of 6 pictures" in done.page.read_text(encoding="utf-8")
    assert done.seconds > 0
    assert capfd.readouterr() == ("", "")


def test_progress_is_reported_over_the_pictures_and_again_for_the_page(drawn_folder, tmp_path):
    recorder = Recorder()
    done = prepare(drawn_folder, tmp_path / "out", reporter=recorder)
    steps = Counter((description, total) for description, _, total in recorder.counted)
    assert steps == {("Checking", 32): 32, ("Looking", 32): 32}
    assert (recorder.said, recorder.warned) == ([], [])
    assert done.problems == ()


def test_the_page_can_be_left_out(tmp_path):
    recorder = Recorder()
    done = prepare("drawn", tmp_path / "out", page=False, overrides=DRAWN, reporter=recorder)
    assert done.page is None
    assert not (tmp_path / "out/dataset.html").exists()
    assert {description for description, *_ in recorder.counted} == {"Drawing"}


def test_only_the_word_stands_for_drawn_capsules(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="'drawn' does not exist"):
        prepare(Path("drawn"), "out")


def test_problems_come_with_the_error_or_with_the_result(drawn_folder, tmp_path):
    source = tmp_path / "in"
    for sample in ("000", "001"):
        target = source / f"good/{sample}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((drawn_folder / f"train/good/{sample}.png").read_bytes())
    (source / "good/bad.png").write_bytes(b"none")
    with pytest.raises(UnfitDataError) as refused:
        prepare(source, tmp_path / "out")
    assert "good/bad.png" in {problem.path for problem in refused.value.problems}
    done = prepare(source, tmp_path / "out", skip_bad=True)
    assert [problem.path for problem in done.problems if problem.fatal] == ["good/bad.png"]
    assert len(done.data.samples) == 2
