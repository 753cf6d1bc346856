"""Inputs on their way to a worker, which begins in another folder and may lack packages."""

import pickle
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import pytest

from capsule_inspect.cluster.sent_pictures import SentPicture, send
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.picture import MAX_PIXELS
from capsule_inspect.inference.inputs import expand_inputs


def on_a_worker(sent):
    """What comes out at the other end."""
    return pickle.loads(pickle.dumps(sent))  # noqa: S301  (a test made it)


@dataclass
class Locked:
    path: str = "locked.png"
    name: str = "locked.png"
    lock: Lock = field(default_factory=Lock)

    def read(self, _max_pixels):
        raise AssertionError


def test_a_relative_path_is_read_from_the_folder_of_the_client(tmp_path, monkeypatch):
    (tmp_path / "here/a").mkdir(parents=True)
    (tmp_path / "here/b").mkdir()
    for name in ("a/x.png", "b/x.png"):  # of one name, so that they are renamed
        (tmp_path / "here" / name).write_bytes(name.encode())
    monkeypatch.chdir(tmp_path / "here")
    found = expand_inputs(["a", "b", "gone.png"])
    sent = [send(picture, Path.cwd()) for picture in found]
    monkeypatch.chdir(tmp_path)
    there = [on_a_worker(each) for each in sent]
    assert [(each.path, each.name) for each in there] == [(each.path, each.name) for each in found]
    assert [each.read(MAX_PIXELS) for each in there[:2]] == [b"a/x.png", b"b/x.png"]
    with pytest.raises(PictureError, match=r"^The file 'gone\.png' does not exist; check the path"):
        there[2].read(MAX_PIXELS)


def test_what_cannot_be_pickled_says_so_in_its_row():
    sent = on_a_worker(send(Locked(), Path.cwd()))
    assert (sent.path, sent.name) == ("locked.png", "locked.png")
    with pytest.raises(PictureError, match=r"'locked\.png' cannot be sent to a worker: .*lock"):
        sent.read(MAX_PIXELS)


def test_a_kind_that_the_worker_does_not_know_says_so_in_its_row(monkeypatch):
    module = types.ModuleType("camera_of_line_3")
    exec("class Shot:\n    path = name = 'shot.png'\n", module.__dict__)  # noqa: S102
    monkeypatch.setitem(sys.modules, module.__name__, module)
    sent = send(module.Shot(), Path.cwd())
    assert isinstance(sent, SentPicture)
    monkeypatch.delitem(sys.modules, module.__name__)
    with pytest.raises(PictureError, match=r"'shot\.png' cannot be read by a worker: No module "):
        on_a_worker(sent).read(MAX_PIXELS)
