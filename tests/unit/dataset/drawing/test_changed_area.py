import numpy as np
import pytest

from capsule_inspect.dataset.drawing.changed_area import changed_area
from capsule_inspect.dataset.drawing.flaw import Flaw
from capsule_inspect.dataset.drawing.render import Rendering

SHAPE = (60, 100)
CLEAN = Rendering(np.full((3, *SHAPE), 100, np.float32), np.ones(SHAPE, np.float32))


def with_spot(level: float, rows: slice = np.s_[20:40], columns: slice = np.s_[30:60]) -> Rendering:
    colours = CLEAN.colours.copy()
    colours[1, rows, columns] = level
    return Rendering(colours, CLEAN.cover)


@pytest.mark.parametrize(("level", "seen"), [(113, True), (88, True), (111, False), (89, False)])
def test_what_drowns_in_noise_is_no_change(level: float, seen: bool) -> None:
    area = changed_area(with_spot(level), CLEAN, Flaw(), 1.0)
    assert area.dtype == np.float32
    assert (area[20:40, 30:60] > 0).mean() == pytest.approx(float(seen), abs=0.01)
    assert area.sum() == pytest.approx(20 * 30 * seen, abs=8)


def test_gaps_join_and_holes_fill() -> None:
    now = with_spot(200)
    now.colours[1, 20:40, 42:48] = 100
    apart = changed_area(now, CLEAN, Flaw(join=2.0), 1.0)
    joined = changed_area(now, CLEAN, Flaw(join=10.0), 1.0)
    assert not apart[30, 45]
    assert joined[30, 45]
    ring = with_spot(200)
    ring.colours[1, 27:33, 37:53] = 100
    assert changed_area(ring, CLEAN, Flaw(join=1.0), 1.0)[30, 45]


def test_a_new_outline_is_a_change_and_so_is_the_extent_on_the_capsule() -> None:
    cover = CLEAN.cover.copy()
    cover[:, 80:] = 0
    assert changed_area(Rendering(CLEAN.colours, cover), CLEAN, Flaw(), 1.0)[30, 90]
    extent = np.ones(SHAPE, np.float32)
    half = Rendering(CLEAN.colours, cover)
    area = changed_area(half, half, Flaw(extent=extent), 1.0)
    assert area[30, 40]
    assert not area[30, 90]
