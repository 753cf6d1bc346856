import threading
import time
from contextlib import closing

import pytest

from capsule_inspect.errors import PictureError
from capsule_inspect.inference import read_ahead as module
from capsule_inspect.inference.batch import map_in_order
from capsule_inspect.inference.inputs import PictureFile
from capsule_inspect.inference.read_ahead import read_ahead
from capsule_inspect.inference.remote_inputs import RemotePicture


class Store:
    """A file system that counts what is asked of it, and waits to be let go on.

    Attributes:
        open: Set while it answers.
        asked: The keys, as they were asked for.
        now: How many it answers now.
        most: The most it ever answered at a time.
    """

    def __init__(self, length=10):
        self.open, self._lock = threading.Event(), threading.Lock()
        self.open.set()
        self.length, self.asked, self.now, self.most = length, [], 0, 0

    def cat_file(self, key):
        with self._lock:
            self.asked.append(key)
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.002)
        assert self.open.wait(10)
        with self._lock:
            self.now -= 1
        if key == "missing":
            raise FileNotFoundError
        return key.encode().ljust(self.length)

    def picture(self, key, size=None):
        return RemotePicture(f"s3://{key}", key, key, self, size)

    def wait_until_asked(self, count):
        end = time.monotonic() + 10
        while len(self.asked) < count:
            assert time.monotonic() < end, self.asked
            time.sleep(0.001)


def test_pictures_come_in_order_and_many_are_read_at_a_time():
    store = Store()
    names = [f"{number:03}" for number in range(200)]
    with (
        closing(read_ahead(map(store.picture, names), 100, readers=8)) as ahead,
        closing(
            map_in_order(lambda each: (each.path, each.name, each.read(100)), ahead, 2)
        ) as done,
    ):
        found = list(done)
    assert found == [(f"s3://{name}", name, name.encode().ljust(10)) for name in names]
    assert sorted(store.asked) == names
    assert store.most == 8


def test_more_are_begun_than_jobs_before_the_first_is_there():
    store = Store()
    store.open.clear()
    with closing(read_ahead(map(store.picture, map(str, range(99))), 100, readers=16)) as ahead:
        first = next(ahead)
        store.wait_until_asked(16)
        store.open.set()
        assert first.read(100) == b"0".ljust(10)


def test_the_last_ones_are_read_although_nothing_follows():
    store = Store()
    store.open.clear()
    ahead = read_ahead(map(store.picture, map(str, range(9))), 100, readers=1)
    pictures = list(ahead)
    store.open.set()
    assert [int(picture.read(100)) for picture in pictures] == list(range(9))


def test_a_picture_that_cannot_be_read_fails_in_its_place():
    store = Store()
    with closing(read_ahead(map(store.picture, ("a", "missing", "b")), 100)) as ahead:
        one, two, three = ahead
        assert one.read(100).startswith(b"a")
        with pytest.raises(PictureError, match="'s3://missing' does not exist"):
            two.read(100)
        assert three.read(100).startswith(b"b")


@pytest.mark.parametrize("is_known", [True, False])
def test_what_waits_has_a_bound_in_bytes(monkeypatch, is_known):
    monkeypatch.setattr(module, "_FIRST_GUESS", 1000)
    store = Store(1000)
    pictures = (store.picture(f"{number}", 1000 if is_known else None) for number in range(50))
    with closing(read_ahead(pictures, 10_000, readers=16, most_bytes=5500)) as ahead:
        for count, picture in enumerate(ahead):
            # The one that is taken is still held, and the next one is always begun.
            time.sleep(0.01)
            assert len(store.asked) <= count + 5 + 1
            assert len(picture.read(10_000)) == 1000
    assert len(store.asked) == 50


def test_a_picture_larger_than_the_bound_is_read_when_its_turn_comes():
    store = Store(1000)
    pictures = [store.picture(f"{number}", 1000) for number in range(3)]
    with closing(read_ahead(pictures, 10_000, most_bytes=10)) as ahead:
        for count, picture in enumerate(ahead, 1):
            assert len(store.asked) <= count
            assert len(picture.read(10_000)) == 1000


def test_those_on_a_disk_are_left_as_they_are(tmp_path):
    store = Store()
    file, elsewhere = PictureFile(tmp_path / "a.png", "a"), store.picture("new")
    one, two = read_ahead([file, elsewhere], 100)
    assert one is file
    assert two.read(100).startswith(b"new")
    assert store.asked == ["new"]


def test_whoever_stops_early_waits_only_for_what_has_begun():
    store = Store()
    store.open.clear()
    ahead = read_ahead(map(store.picture, map(str, range(99))), 100, readers=2)
    next(ahead)
    store.wait_until_asked(2)
    threading.Timer(0.05, store.open.set).start()
    ahead.close()
    assert len(store.asked) == 2
    assert store.now == 0
