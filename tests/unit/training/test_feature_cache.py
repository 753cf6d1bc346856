import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from capsule_inspect.errors import PictureError
from capsule_inspect.files import UNFINISHED
from capsule_inspect.training.feature_cache import FeatureCache
from capsule_inspect.training.sources import SourceKey
from capsule_inspect.training.views import View, ViewKey

MASK = (8, 12)
KEYS = [ViewKey(SourceKey(i % 2, None, i, f"drawn 0 {i} x"), 0) for i in range(12)]
# Features of 4 x 6 x 5 and 2 x 3 x 7 numbers of two bytes each, and a mask.
BYTES = 2 * (120 + 42) + 96
MUCH = 10**9


class FakeViews:
    """Makes windows and masks of noise, seeded by the key, and counts them."""

    def __init__(self, without_mask=(), unreadable=(), seconds=0.0):
        self.made, self.without_mask = Counter(), without_mask
        self.unreadable, self.seconds = unreadable, seconds

    def __call__(self, key: ViewKey) -> View:
        if key in self.unreadable:
            raise PictureError("The picture is gone.")
        time.sleep(self.seconds)
        self.made[key] += 1
        random = np.random.default_rng(list(bytes.fromhex(key.digest)))
        image = random.integers(0, 256, (16, 24, 3)).astype(np.uint8)
        mask = random.integers(0, 256, (16, 24)).astype(np.uint8)
        return View(image, None if key in self.without_mask else mask, key.label)


class FakeEncoder:
    """Numbers that float16 has to round, in two levels."""

    def __init__(self, shapes=((4, 6, 5), (2, 3, 7))):
        self.shapes = shapes

    def __call__(self, image):
        random = np.random.default_rng(int(image.sum()))
        return tuple(random.normal(size=shape).astype(np.float32) for shape in self.shapes)


def cache_in(folder, make=None, most=MUCH, made_from="a", encode=None) -> FeatureCache:
    return FeatureCache(folder, made_from, make or FakeViews(), encode or FakeEncoder(), MASK, most)


def stored(folder) -> list[Path]:
    return [path for path in folder.glob("*/*.features") if not path.name.startswith(UNFINISHED)]


def equal(one, other) -> bool:
    same = all(np.array_equal(a, b) for a, b in zip(one.inputs, other.inputs, strict=True))
    return same and np.array_equal(one.mask, other.mask) and one.label == other.label


@pytest.fixture
def expected(tmp_path):
    cold = cache_in(tmp_path / "cold")
    return [cold.read(key) for key in KEYS]


def test_an_example_holds_rounded_features_and_a_small_mask(expected):
    make, encode = FakeViews(), FakeEncoder()
    for key, example in zip(KEYS, expected, strict=True):
        view = make(key)
        assert example.label == key.label
        for level, exact in zip(example.inputs, encode(view.image), strict=True):
            assert level.dtype == np.float16
            assert np.array_equal(level, exact.astype(np.float16))
        means = view.mask.reshape(8, 2, 12, 2).astype(float).mean(axis=(1, 3))
        assert example.mask == pytest.approx(means, abs=0.6)


def test_cold_and_warm_give_equal_examples_and_each_view_is_made_once(tmp_path, expected):
    make, steps = FakeViews(), []
    cache = cache_in(tmp_path / "warm", make)
    cache.fill(KEYS[:7], 1, lambda: steps.append(1))
    assert len(steps) == 7
    cache.fill(KEYS, 3)
    assert all(equal(cache.read(key), e) for key, e in zip(KEYS, expected, strict=True))
    assert make.made == Counter(KEYS)
    other = FakeViews()
    again = cache_in(tmp_path / "warm", other)
    again.fill(KEYS, 2)
    assert all(equal(again.read(key), e) for key, e in zip(KEYS, expected, strict=True))
    assert not other.made
    assert {path.stat().st_size for path in stored(tmp_path / "warm")} == {BYTES}


def test_an_example_without_a_mask_stays_without_one(tmp_path):
    make = FakeViews(without_mask=KEYS[:3])
    cache = cache_in(tmp_path, make)
    cache.fill(KEYS[:6], 1)
    assert [cache.read(key).mask is None for key in KEYS[:6]] == [True] * 3 + [False] * 3
    assert make.made == Counter(KEYS[:6])


def test_features_made_otherwise_are_kept_apart(tmp_path):
    cache_in(tmp_path).fill(KEYS, 1)
    for changed in (
        {"made_from": "b"},
        {"encode": FakeEncoder(((2, 3, 7),))},
        # As many numbers in all, but in other levels.
        {"encode": FakeEncoder(((2, 3, 7), (4, 6, 5)))},
    ):
        make = FakeViews()
        cache = cache_in(tmp_path, make, **changed)
        shapes = [level.shape for level in cache.read(KEYS[0]).inputs]
        assert shapes == list(changed.get("encode", FakeEncoder()).shapes)
        assert make.made == Counter(KEYS[:1])


def test_beyond_the_bound_examples_are_made_again_and_equal(tmp_path, expected):
    make = FakeViews()
    cache = cache_in(tmp_path / "small", make, most=5 * BYTES + BYTES // 2)
    cache.fill(KEYS, 2)
    files = stored(tmp_path / "small")
    assert len(files) == 5
    assert sum(path.stat().st_size for path in files) <= 5.5 * BYTES
    for _ in range(2):
        assert all(equal(cache.read(key), e) for key, e in zip(KEYS, expected, strict=True))
    assert sorted(make.made.values()) == [1] * 5 + [2] * 7
    assert len(stored(tmp_path / "small")) == 5


def test_without_any_room_nothing_is_stored(tmp_path, expected):
    cache = cache_in(tmp_path / "none", most=0)
    cache.fill(KEYS, 2)
    assert equal(cache.read(KEYS[3]), expected[3])
    assert stored(tmp_path / "none") == []


def test_the_oldest_views_of_other_runs_make_room(tmp_path):
    old = cache_in(tmp_path, made_from="old")
    old.fill(KEYS[:4], 1)
    ages = {path: age for age, path in enumerate(stored(tmp_path))}
    for path, age in ages.items():
        os.utime(path, (1000 - 100 * age, 1000 - 100 * age))
    make = FakeViews()
    new = cache_in(tmp_path, make, most=6 * BYTES, made_from="new")
    new.fill(KEYS[:4], 1)
    assert len(stored(tmp_path)) == 6
    assert {age for path, age in ages.items() if path.exists()} == {0, 1}
    # Its own views stay, though they are the oldest now.
    for path in set(stored(tmp_path)) - set(ages):
        os.utime(path, (10, 10))
    new.fill(KEYS[:5], 1)
    assert {age for path, age in ages.items() if path.exists()} == {0}
    assert make.made == Counter(KEYS[:5])


def test_views_that_are_used_again_are_not_the_oldest(tmp_path):
    one = cache_in(tmp_path, made_from="one")
    one.fill(KEYS[:2], 1)
    for path in stored(tmp_path):
        os.utime(path, (10, 10))
    one.fill(KEYS[:2], 1)
    assert all(path.stat().st_mtime > 10**9 for path in stored(tmp_path))


def test_without_room_no_folder_is_made(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    cache = cache_in(tmp_path / "file", most=0)
    cache.fill(KEYS, 2)
    assert cache.room == 0


def test_several_threads_fill_and_read(tmp_path, expected):
    make = FakeViews(seconds=0.002)
    cache = cache_in(tmp_path / "threads", make)
    cache.fill(KEYS, 8)
    assert make.made == Counter(KEYS)
    numbers = np.random.default_rng(0).integers(0, len(KEYS), 200).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda number: cache.read(KEYS[number]), numbers)
        assert all(equal(example, expected[n]) for example, n in zip(found, numbers, strict=True))


def test_runs_that_share_a_folder_do_not_trip_over_one_another(tmp_path, expected):
    folder = tmp_path / "shared"

    def work(number: int) -> None:
        # Some runs evict what others have just written or are about to read.
        most = (3 if number % 2 else 9) * BYTES
        for _ in range(10):
            cache = cache_in(folder, most=most, made_from=str(number % 3))
            cache.fill(KEYS, 2)
            assert all(equal(cache.read(key), e) for key, e in zip(KEYS, expected, strict=True))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))


def test_a_picture_that_cannot_be_read_ends_the_filling(tmp_path):
    make = FakeViews(unreadable=KEYS[3:4], seconds=0.01)
    with pytest.raises(PictureError, match="gone"):
        cache_in(tmp_path, make).fill(KEYS, 2)
    assert len(make.made) < len(KEYS)
    assert threading.active_count() < 20
    assert all(path.stat().st_size == BYTES for path in stored(tmp_path))


def test_files_that_a_power_failure_cut_are_made_again(tmp_path, expected):
    make = FakeViews()
    cache = cache_in(tmp_path / "cut", make)
    cache.fill(KEYS, 1)
    files = stored(tmp_path / "cut")
    for path, size in zip(files, (0, 1, BYTES - 1), strict=False):
        path.write_bytes(path.read_bytes()[:size])
    assert all(equal(cache.read(key), e) for key, e in zip(KEYS, expected, strict=True))
    assert sum(make.made.values()) == len(KEYS) + 3
    cache.fill(KEYS, 1)
    assert {path.stat().st_size for path in files} == {BYTES}


FILL = """
import sys
from pathlib import Path
from test_feature_cache import KEYS, FakeViews, cache_in

cache_in(Path(sys.argv[1]), FakeViews(seconds=0.05)).fill(KEYS, 3)
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_whole_files_alone(tmp_path, expected):
    folder = tmp_path / "killed"
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", FILL, folder],
        env={**os.environ, "PYTHONPATH": paths},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while len(stored(folder)) < 4 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = len(stored(folder))
    assert 4 <= before < len(KEYS)
    assert {path.stat().st_size for path in stored(folder)} == {BYTES}
    make = FakeViews()
    cache = cache_in(folder, make)
    cache.fill(KEYS, 1)
    assert sum(make.made.values()) == len(KEYS) - before
    assert all(equal(cache.read(key), e) for key, e in zip(KEYS, expected, strict=True))
