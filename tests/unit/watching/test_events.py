"""Real folders and real events."""

import os
import shutil
import sys
import time
from queue import Empty, SimpleQueue

import pytest

from capsule_inspect.watching.events import WatchfilesEvents, open_events
from capsule_inspect.watching.wake import Wake

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs inotify")


def collect(wakes, until, seconds=10.0):
    """Returns the wakes until one fulfils a condition."""
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found.append(wakes.get(timeout=0.1))
        except Empty:
            continue
        if until(found[-1]):
            return found
    raise AssertionError(found)


@linux
def test_the_kernel_tells_of_closed_and_renamed_files(tmp_path):
    wakes = SimpleQueue()
    events = open_events(tmp_path, False, wakes.put)
    try:
        (tmp_path / "a.png").write_bytes(b"x")
        found = collect(wakes, lambda wake: wake.is_whole)
        assert found[0] == Wake(str(tmp_path / "a.png"))
        assert found[-1] == Wake(str(tmp_path / "a.png"), is_whole=True)
        (tmp_path / "a.png").rename(tmp_path / "b.png")
        assert collect(wakes, lambda wake: wake.is_whole)[-1].path == str(tmp_path / "b.png")
        os.link(tmp_path / "b.png", tmp_path / "c.png")
        found = collect(wakes, lambda wake: wake.path.endswith("c.png"))
        assert not found[-1].is_whole
    finally:
        events.close()


@linux
def test_new_subfolders_are_watched_too(tmp_path):
    wakes = SimpleQueue()
    (tmp_path / "old").mkdir()
    events = open_events(tmp_path, True, wakes.put)
    try:
        (tmp_path / "old/a.png").write_bytes(b"x")
        assert collect(wakes, lambda wake: wake.is_whole)[-1].path == str(tmp_path / "old/a.png")
        (tmp_path / "new").mkdir()
        collect(wakes, lambda wake: wake == Wake())  # the folder is to be listed
        (tmp_path / "new/b.png").write_bytes(b"x")
        assert collect(wakes, lambda wake: wake.is_whole)[-1].path == str(tmp_path / "new/b.png")
    finally:
        events.close()


@linux
def test_a_folder_that_goes_away_ends_the_events(tmp_path):
    wakes = SimpleQueue()
    (tmp_path / "in").mkdir()
    events = open_events(tmp_path / "in", False, wakes.put)
    shutil.rmtree(tmp_path / "in")
    collect(wakes, lambda wake: wake.is_end)
    events.close()
    with pytest.raises(OSError, match="No such file"):
        open_events(tmp_path / "in", False, wakes.put)


def test_watchfiles_tells_where_the_kernel_does_not(tmp_path):
    pytest.importorskip("watchfiles")
    wakes = SimpleQueue()
    events = WatchfilesEvents(tmp_path, False, wakes.put)
    try:
        time.sleep(0.3)  # it does not tell when it has begun
        (tmp_path / "a.png").write_bytes(b"x")
        found = collect(wakes, lambda wake: wake.path.endswith("a.png"))
        assert found[-1].path == str(tmp_path / "a.png")
        assert not found[-1].is_whole
    finally:
        events.close()
