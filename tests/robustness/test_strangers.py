"""Pictures of other things: never a label without a warning."""

import cv2
import numpy as np
import pytest

from capsule_inspect.inference.batch import inspect_batch, run_settings
from capsule_inspect.inference.inputs import expand_inputs
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import load
from capsule_inspect.inference.records import read_records
from capsule_inspect.inference.results_folder import open_results

SIDE = 800
CAPSULE = (700, 260)


def paste(thing: np.ndarray, angle: float = 0.0) -> np.ndarray:
    """Cuts a picture to a capsule's shape and lays it on a light ground."""
    width, height = CAPSULE
    thing = cv2.resize(thing, CAPSULE, interpolation=cv2.INTER_AREA)
    mask = np.zeros((height, width), np.uint8)
    ends = ((height // 2, height // 2), (width - height // 2, height // 2))
    cv2.line(mask, *ends, 255, height - 4)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    turn[:, 2] += [(SIDE - width) / 2, (SIDE - height) / 2]
    moved, shape = (cv2.warpAffine(each, turn, (SIDE, SIDE)) for each in (thing, mask))
    ground = np.full((SIDE, SIDE, 3), 225, np.uint8)
    return np.where(shape[..., None] > 127, moved, ground)


def cat() -> np.ndarray:
    """A ginger cat, as a child draws one."""
    picture = np.full((SIDE, SIDE, 3), (120, 170, 90), np.uint8)
    fur, dark, white = (60, 140, 220), (20, 20, 30), (240, 240, 240)
    cv2.ellipse(picture, (400, 560), (190, 210), 0, 0, 360, fur, cv2.FILLED)
    cv2.circle(picture, (400, 300), 150, fur, cv2.FILLED)
    for x in (290, 510):
        ear = np.array([(x - 60, 230), (x + 60, 230), (x, 90)])
        cv2.fillPoly(picture, [ear], fur)
        cv2.circle(picture, (400 + (x - 400) // 2, 280), 26, white, cv2.FILLED)
        cv2.circle(picture, (400 + (x - 400) // 2, 280), 12, dark, cv2.FILLED)
        for lift in (-20, 0, 20):
            cv2.line(picture, (400, 340), (x * 2 - 400, 340 + lift), dark, 2)
    for y in range(470, 740, 50):
        cv2.line(picture, (250, y), (550, y + 15), (30, 90, 180), 14)
    return picture


def text(lines: int = 14, size: float = 1.1) -> np.ndarray:
    picture = np.full((SIDE, SIDE, 3), 250, np.uint8)
    for line in range(lines):
        words = f"{line}. The quick brown fox jumps over the dog"
        spot = (20, 60 + line * (SIDE - 80) // max(1, lines - 1))
        cv2.putText(picture, words, spot, cv2.FONT_HERSHEY_SIMPLEX, size, (20, 20, 20), 2)
    return picture


def noise(spread: float = 255.0) -> np.ndarray:
    random = np.random.default_rng(0)
    values = random.normal(128, spread / 2, (SIDE, SIDE, 3))
    return np.clip(values, 0, 255).astype(np.uint8)


def tablet() -> np.ndarray:
    picture = np.full((SIDE, SIDE, 3), 90, np.uint8)
    cv2.circle(picture, (400, 400), 300, (235, 238, 240), cv2.FILLED, cv2.LINE_AA)
    cv2.line(picture, (400, 110), (400, 690), (200, 200, 200), 8)
    return picture


def stripes() -> np.ndarray:
    wave = 127 + 120 * np.sin(np.arange(SIDE) / 9)
    return np.repeat(np.tile(wave, (SIDE, 1))[..., None], 3, axis=2).astype(np.uint8)


THINGS = {
    "blank": lambda: np.full((SIDE, SIDE, 3), 255, np.uint8),
    "black": lambda: np.zeros((SIDE, SIDE, 3), np.uint8),
    "cat": cat,
    "cat-cut-out": lambda: paste(cat()),
    "cat-cut-out-turned": lambda: paste(cat(), 33),
    "noise": noise,
    "faint-noise": lambda: noise(20),
    "noise-cut-out": lambda: paste(noise()),
    "stripes-cut-out": lambda: paste(stripes()),
    "tablet": tablet,
    "tablet-cut-out": lambda: paste(tablet()),
    "text": text,
    "text-cut-out": lambda: paste(text(), -20),
    "one-line": lambda: text(1, 1.4),
    "flat-cut-out": lambda: paste(np.full((SIDE, SIDE, 3), (150, 90, 30), np.uint8)),
    "grey-cut-out": lambda: paste(np.full((SIDE, SIDE, 3), 150, np.uint8)),
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strangers")
    for name, draw in THINGS.items():
        (folder / f"{name}.png").write_bytes(cv2.imencode(".png", draw())[1].tobytes())
    inspector, options, out = load(), InspectOptions("none"), folder / "out"
    with open_results(out, run_settings(inspector, options)) as results:
        inspect_batch(inspector, expand_inputs([str(folder)]), results, options)
    return read_records(out / "predictions.csv")


@pytest.mark.parametrize("name", THINGS)
def test_it_is_no_capsule_or_carries_a_warning(rows, name):
    found = [row for row in rows if row.path.endswith(f"/{name}.png")]
    assert found
    for row in found:
        assert row.status == "no_capsule" or row.warning, row


def test_some_of_them_are_taken_for_capsules_so_that_the_warning_is_needed(rows):
    assert sum(row.status == "ok" for row in rows) >= 5
