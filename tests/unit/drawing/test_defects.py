"""Each defect changes only the ink, colour or form of the shell."""

import cv2
import numpy as np
import pytest

from capsule_inspect.drawing.canvas import Canvas
from capsule_inspect.drawing.defects import (
    DEFECTS,
    changed_area,
    choose_flaw,
    crack,
    faulty_imprint,
    poke,
    scratch,
    squeeze,
)
from capsule_inspect.drawing.shell import Flaw, Rendering
from capsule_inspect.drawing.style import choose_style

CANVAS = Canvas.at(0.25)


def flaw_of(label: str, seed: int) -> Flaw:
    style = choose_style(np.random.default_rng(seed), CANVAS.pixels, mvtec_like=False)
    return choose_flaw(label, style, CANVAS, np.random.default_rng(seed))


def test_the_defects_are_sorted() -> None:
    assert tuple(sorted(DEFECTS)) == DEFECTS


def test_a_good_capsule_has_no_flaw() -> None:
    assert flaw_of("good", 0) == Flaw()


@pytest.mark.parametrize(
    ("label", "means"),
    [
        ("crack", {"relief", "paints"}),
        ("faulty_imprint", {"dose"}),
        ("poke", {"relief", "paints"}),
        ("scratch", {"paints"}),
        ("squeeze", {"shift", "relief", "extent"}),
    ],
)
def test_each_defect_has_its_means(label: str, means: set[str]) -> None:
    for seed in range(8):
        flaw = flaw_of(label, seed)
        parts = ("shift", "relief", "paints", "dose", "extent")
        used = {part for part in parts if getattr(flaw, part) is not getattr(Flaw(), part)}
        assert used == means
        for paint in flaw.paints:
            assert paint.cover.shape == CANVAS.x.shape
            assert paint.cover.min() >= 0
            assert 0 < paint.cover.max() <= 1


CRACK_CANVAS = Canvas.at(0.5)
STYLE = choose_style(np.random.default_rng(0), CRACK_CANVAS.pixels, mvtec_like=True)


def test_a_crack_is_one_long_opening_with_lips_around() -> None:
    for seed in range(20):
        lips, opening, _ = crack(STYLE, CRACK_CANVAS, np.random.default_rng(seed)).paints
        inside = (opening.cover > 0.1).astype(np.uint8)
        parts, _ = cv2.connectedComponents(inside)
        assert parts <= 4  # the ground, the crack, and seldom a tip that thins out
        _, sides, _ = cv2.minAreaRect(np.asarray(cv2.findNonZero(inside)))
        assert 80 < max(sides) / CRACK_CANVAS.pixels < 330
        assert inside.sum() / CRACK_CANVAS.pixels**2 < 12 * 460
        assert lips.cover[inside > 0].min() > 0
        assert (lips.cover > 0).sum() > 1.2 * inside.sum()


POKE_CANVAS = Canvas.at(0.5)


def test_a_poke_is_one_roundish_hole_in_a_dent() -> None:
    for seed in range(20):
        flaw = poke(STYLE, POKE_CANVAS, np.random.default_rng(seed))
        hole = (flaw.paints[1].cover > 0.5).astype(np.uint8)
        assert cv2.connectedComponents(hole)[0] == 2
        _, sides, _ = cv2.minAreaRect(np.asarray(cv2.findNonZero(hole)))
        assert max(sides) < 2.5 * min(sides)
        assert 24 < np.mean(sides) / POKE_CANVAS.pixels < 110
        assert flaw.relief is not None
        assert flaw.relief.max() <= 0
        deepest = np.unravel_index(flaw.relief.argmin(), flaw.relief.shape)
        rows, columns = np.nonzero(hole)
        reach = 40 * POKE_CANVAS.pixels
        assert deepest == pytest.approx((rows.mean(), columns.mean()), abs=reach)


SCRATCH_CANVAS = Canvas.at(1.0)


def test_a_scratch_is_a_bundle_of_fine_strokes_paler_than_the_shell() -> None:
    for seed in range(20):
        (paint,) = scratch(STYLE, SCRATCH_CANVAS, np.random.default_rng(seed)).paints
        strokes = (paint.cover > 0.3).astype(np.uint8)
        # Neither a stroke nor a few that cross are wide enough to outlast this.
        assert cv2.erode(strokes, np.ones((15, 15), np.uint8)).sum() < 0.1 * strokes.sum()
        _, sides, _ = cv2.minAreaRect(np.asarray(cv2.findNonZero(strokes)))
        assert 60 < max(sides) < 260
        assert sum(paint.rgb) > max(sum(STYLE.dark), sum(STYLE.light))


def test_the_shell_moves_within_the_canvas_and_bends_where_its_extent_says() -> None:
    style = choose_style(np.random.default_rng(0), CANVAS.pixels, mvtec_like=True)
    for seed in range(30):
        flaw = squeeze(style, CANVAS, np.random.default_rng(seed))
        assert flaw.shift is not None
        assert flaw.relief is not None
        assert flaw.extent is not None
        moved = np.hypot(*flaw.shift)
        # 130 nominal pixels are the most that the lettering allows for.
        assert 20 < moved[np.abs(CANVAS.y) < 140].max() < 130
        assert np.abs(flaw.relief).max() > 8
        outside = flaw.extent == 0
        assert outside.any()
        assert moved[outside].max() < 3
        assert np.abs(flaw.relief[outside]).max() < 3


IMPRINT_CANVAS = Canvas.at(0.4)


def test_ink_is_missing_added_or_moved_but_the_strip_stays() -> None:
    balances = []
    for seed in range(40):
        style = choose_style(np.random.default_rng(seed), IMPRINT_CANVAS.pixels, mvtec_like=False)
        ink = style.dose.texture
        spoilt = faulty_imprint(style, IMPRINT_CANVAS, np.random.default_rng(seed)).dose
        assert spoilt is not None
        assert spoilt.shape == ink.shape
        assert spoilt.dtype == ink.dtype == np.float32
        assert -1e-5 < spoilt.min() <= spoilt.max() < 1 + 1e-5
        assert np.abs(spoilt - ink).max() > 0.5
        balances.append(float(spoilt.sum() / ink.sum()))
    assert 0.0 in balances  # all of it missing
    assert any(0 < balance < 0.95 for balance in balances)  # scraped
    assert any(balance > 1.1 for balance in balances)  # blotted


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
