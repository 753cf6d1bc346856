import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from still import STILL

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.groups import AugmentSettings
from capsule_inspect.training.augment import Augmenter
from capsule_inspect.training.sources import Sources
from capsule_inspect.training.views import View, ViewKey, ViewMaker

ROI = Roi("capsule", 96, 64, 80)
CLASSES = ("good", "crack", "poke")
# All changes at once, so that whatever is drawn by the wrong generator shows.
ALL = replace(AugmentSettings(), blur=1, noise=1, compress=1)


def maker(settings: AugmentSettings = ALL) -> tuple[ViewMaker, list[ViewKey]]:
    """A maker of views, and keys of plain and transplanted ones."""
    sources = Sources(DataSet(None, CLASSES, (), 0, "", "", ""), (), ROI, 16, 10**9)
    keys = sources.draw(10, 0)
    good = [key for key in keys if key.label == 0]
    bad = [key for key in keys if key.label > 0]
    wanted = [ViewKey(key, number) for key in (good[0], *bad) for number in (0, 1)]
    wanted += [ViewKey(donor, 0, host) for donor in bad for host in good[:2]]
    return ViewMaker(sources, Augmenter(settings, ROI)), wanted


def fingerprint(view: View) -> str:
    return hashlib.sha256(view.image.tobytes() + view.mask.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def expected() -> list[str]:
    make, keys = maker()
    return [fingerprint(make(key)) for key in keys]


def test_a_view_shows_the_window_of_the_network_and_its_class():
    make, keys = maker()
    for key in keys:
        view = make(key)
        assert (view.image.shape, view.image.dtype) == ((64, 96, 3), np.uint8)
        assert (view.mask.shape, view.mask.dtype) == ((64, 96), np.uint8)
        assert view.label == key.label == key.source.label
        assert bool(view.mask.any()) == (view.label > 0)


def test_different_keys_give_different_views(expected):
    assert len(set(expected)) == len(expected)
    _, keys = maker()
    assert len({key.digest for key in keys}) == len(keys)


def test_the_same_key_gives_the_same_view_in_any_order(expected):
    make, keys = maker()
    order = np.random.default_rng(0).permutation(len(keys)).tolist()
    found = {number: fingerprint(make(keys[number])) for number in order}
    assert [found[number] for number in range(len(keys))] == expected


def test_the_same_key_gives_the_same_view_in_any_thread(expected):
    make, keys = maker()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda key: fingerprint(make(key)), keys * 8))
    assert found == expected * 8


MAKE = """
from test_views import fingerprint, maker

make, keys = maker()
print(*(fingerprint(make(key)) for key in keys))
"""


def test_the_same_key_gives_the_same_view_in_another_process(expected):
    here = Path(__file__).parent
    paths = [str(here), str(here.parents[1] / "fixtures"), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", MAKE],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == expected


def test_a_transplanted_defect_stands_on_its_host():
    make, keys = maker(STILL)
    key = keys[-1]
    plain = make(ViewKey(key.host, 0))
    view = make(key)
    apart = np.abs(view.image.astype(int) - plain.image).max(axis=2)
    assert apart.max() > 20
    far = view.mask == 0
    (top, left), (bottom, right) = (f(np.nonzero(view.mask), axis=1) for f in (np.min, np.max))
    far[max(0, top - 14) : bottom + 15, max(0, left - 14) : right + 15] = False
    assert far.any()
    assert apart[far].max() <= 1


def test_defect_and_host_are_not_confused():
    _, keys = maker()
    donor, host = keys[-1].source, keys[-1].host
    digests = {
        ViewKey(donor, 0, host).digest,
        ViewKey(host, 0, donor).digest,
        ViewKey(donor, 0).digest,
        ViewKey(host, 0).digest,
        ViewKey(donor, 1).digest,
    }
    assert len(digests) == 5
