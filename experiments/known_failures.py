"""A sheet of drawn defects that the shipped model gets wrong.

Usage: python experiments/known_failures.py OUT.jpg

The capsules are drawn, since the licence does not allow showing real pictures. Some defects are
faded to a half, a quarter or an eighth of their contrast.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from capsule_inspect.drawing.capsules import DrawnCapsule, draw_capsule
from capsule_inspect.imaging.overlay import draw_overlay
from capsule_inspect.inference.inspector import Finding, Inspector, load

SEEDS = range(90_000, 90_040)
"""Seeds of drawn capsules that were never trained on."""
CONTRASTS = (1.0, 0.5, 0.25, 0.125)
TILES, COLUMNS, WIDTH, HEIGHT, CAPTION = 6, 3, 480, 288, 40
TRUTH = (0, 114, 178)


@dataclass(frozen=True)
class Shown:
    """A drawn defect and the model's finding."""

    drawn: DrawnCapsule
    contrast: float
    finding: Finding

    @property
    def called(self) -> str:
        """The decided class."""
        return self.finding.decision.label


def main(out: Path) -> None:
    """Writes a sheet of failures, one of each kind, and prints how many defects are detected."""
    inspector = load()
    defects = inspector.classes[1:]
    shown = [each for label in defects for each in show(inspector, label)]
    Console().print(count(shown, defects))
    wrong = [each for each in shown if each.called != each.drawn.label]
    first = {(each.drawn.label, each.called): each for each in reversed(wrong)}
    often = Counter((each.drawn.label, each.called) for each in wrong).most_common(TILES)
    tiles = [tile(first[kind]) for kind, _ in often]
    tiles += [np.full((HEIGHT + CAPTION, WIDTH, 3), 255, np.uint8)] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(out), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])


def show(inspector: Inspector, label: str) -> list[Shown]:
    """Draws defects of a class at every contrast, and inspects them."""
    shown = []
    for seed in SEEDS:
        clean, full = (draw_capsule(each, seed, upright=True) for each in ("good", label))
        for contrast in CONTRASTS:
            faded = cv2.addWeighted(full.picture, contrast, clean.picture, 1 - contrast, 0)
            drawn = DrawnCapsule(np.asarray(faded, np.uint8), full.mask, label)
            (finding,) = inspector.inspect(drawn.picture)
            shown.append(Shown(drawn, contrast, finding))
    return shown


def count(shown: list[Shown], defects: tuple[str, ...]) -> Table:
    """Counts detected and correctly labelled defects, by class and contrast."""
    table = Table(title=f"Detected / correctly labelled, of {len(SEEDS)} drawn defects each")
    table.add_column("contrast")
    for label in defects:
        table.add_column(label, justify="right")
    for contrast in CONTRASTS:
        cells = []
        for label in defects:
            calls = [s.called for s in shown if (s.drawn.label, s.contrast) == (label, contrast)]
            found = len(calls) - calls.count("good")
            cells.append(f"{found} / {calls.count(label)}")
        table.add_row(f"{contrast:g}", *cells)
    return table


def tile(failure: Shown) -> NDArray[np.uint8]:
    """Draws the overlay, the true outline in blue, and a caption."""
    drawn, box = failure.drawn, failure.finding.crop.box
    picture = draw_overlay(drawn.picture, [failure.finding])
    outlines, _ = cv2.findContours(drawn.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, TRUTH, 3, cv2.LINE_AA)
    rows = len(picture) * HEIGHT // WIDTH
    top = min(max(0, round(box.y) - rows // 2), len(picture) - rows)
    middle = picture[top : top + rows]
    shrunk = cv2.resize(middle, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    faded = "" if failure.contrast == 1 else f", contrast {failure.contrast:g}"
    line = np.full((CAPTION, WIDTH, 3), 255, np.uint8)
    text = f"{drawn.label}{faded}: called {failure.called}"
    cv2.putText(line, text, (10, 26), cv2.FONT_HERSHEY_DUPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([shrunk, line])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
