import errno
import os
from pathlib import Path, PurePath

import pytest
from recorder import Recorder

from capsule_inspect.files import hash_file
from capsule_inspect.watching.afterwards import Afterwards, Inspected
from capsule_inspect.watching.listing import stamp_of
from capsule_inspect.watching.troubles import Troubles


@pytest.fixture
def reporter():
    return Recorder()


@pytest.fixture
def camera(tmp_path):
    (tmp_path / "in/line").mkdir(parents=True)
    return tmp_path / "in"


def inspected(folder: Path, name: str, content: bytes = b"picture", is_error: bool = False):
    file = folder / name
    file.write_bytes(content)
    return Inspected(str(file), PurePath(name), stamp_of(str(file)), hash_file(file), is_error)


def run(then, to, reporter, *pictures):
    afterwards = Afterwards(then, to, Troubles(reporter))
    for picture in pictures:
        afterwards.put(picture)
    afterwards.run()
    return afterwards


def test_a_picture_keeps_its_way_below_the_folder(camera, reporter, tmp_path):
    run("move", tmp_path / "done", reporter, inspected(camera, "line/a.png"))
    assert (tmp_path / "done/line/a.png").read_bytes() == b"picture"
    assert not (camera / "line/a.png").exists()


def test_a_picture_that_changed_meanwhile_stays(camera, reporter):
    pictures = [inspected(camera, "a.png"), inspected(camera, "b.png")]
    (camera / "a.png").write_bytes(b"the next picture")
    run("delete", None, reporter, *pictures)
    assert [each.name for each in camera.glob("*.png")] == ["a.png"]


def test_what_is_damaged_is_not_deleted(camera, reporter):
    run("delete", None, reporter, inspected(camera, "a.png", is_error=True))
    assert (camera / "a.png").exists()


def test_another_picture_of_the_name_keeps_its_place(camera, reporter, tmp_path):
    for content in (b"first", b"second", b"third", b"second"):
        run("move", tmp_path / "done", reporter, inspected(camera, "a.png", content))
    found = {each.name: each.read_bytes() for each in (tmp_path / "done").iterdir()}
    assert found == {"a.png": b"first", "a-1.png": b"second", "a-2.png": b"third"}
    assert not (camera / "a.png").exists()


def test_pictures_go_to_other_file_systems_too(camera, reporter, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(Path, "rename", refuse)
    picture = inspected(camera, "a.png")
    run("move", tmp_path / "done", reporter, picture)
    assert [each.name for each in (tmp_path / "done").iterdir()] == ["a.png"]
    assert not (camera / "a.png").exists()


def test_what_fails_is_said_once_and_tried_again(camera, reporter, tmp_path):
    (tmp_path / "done").write_text("no folder")
    afterwards = run("move", tmp_path / "done", reporter, inspected(camera, "a.png"))
    afterwards.run(is_last=True)
    assert len(afterwards) == 1
    (told,) = reporter.warned
    assert "a.png' cannot be moved: " in told
    (tmp_path / "done").unlink()
    afterwards.run(is_last=True)
    assert len(afterwards) == 0
    assert reporter.said == ["Pictures can be moved or deleted again."]
    assert (tmp_path / "done/a.png").exists()
