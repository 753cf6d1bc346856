"""Judges a model on pictures as cameras deliver them: compressed, noisy, with a neighbour.

Usage:
    python experiments/conditions.py DATA MODEL [--pictures N] [--jobs 2] [--rows OUT.csv]

DATA is a data set folder of `capsule-inspect prepare`. MODEL is a study of `train train.folds=5`
after `export-tflite`: each picture is judged by the file that has not seen it. Or it is a single
`.tflite` file, which judges all pictures, those it was trained on as well.

Every picture is judged as it is, and under each condition: JPEG compression, noise, and another
good capsule pasted beside it, from touching to 30 pixels away. The table counts the judged
capsules, not the pasted ones. `silent` are the false alarms and misses without a warning in their
row. A capsule that is not found is neither, since its row has no label.
"""

import argparse
import csv
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, fields
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from capsule_inspect.choices import GOOD
from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.inference.inspector import Finding, Inspector, load
from capsule_inspect.training.study import open_study, require_finished

CLEAN = "clean"
QUALITIES = (10, 20, 30, 40, 50)
SIGMAS = (5, 10, 15, 20)
"""Standard deviations of noise, in grey levels of the picture."""
GAPS = (0, 3, 6, 12, 20, 30)
"""Native pixels between the outlines of two capsules."""
POOL = 6
"""The number of good capsules that are pasted by turns."""
SHADOW, FEATHER = 8, 4.0
"""How far around its outline a pasted capsule brings its own ground, and how softly that ends."""

Change = Callable[[Picture], Picture]


@dataclass(frozen=True)
class Work:
    """Pictures for one model.

    Attributes:
        model: The model file.
        data: The data set.
        samples: The pictures to judge.
        pool: Good pictures to paste capsules from.
    """

    model: Path
    data: DataSet
    samples: tuple[Sample, ...]
    pool: tuple[Sample, ...]


@dataclass(frozen=True)
class Row:
    """A picture under a condition; the columns of the file of `--rows`.

    Attributes:
        condition: Its name.
        path: The picture.
        truth: The true class.
        label: The label; empty if the capsule was not found.
        score: The defect score; 1 if it was not found.
        warning: The warnings of the row.
    """

    condition: str
    path: str
    truth: str
    label: str
    score: float
    warning: str

    @property
    def is_false_alarm(self) -> bool:
        """Whether a good capsule is called defective."""
        return self.truth == GOOD and self.label not in ("", GOOD)

    @property
    def is_miss(self) -> bool:
        """Whether a defective capsule is called good."""
        return self.truth != GOOD and self.label == GOOD


def main() -> None:
    """Parses the command line, judges, and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--pictures", type=int, help="judge about so many pictures (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--rows", type=Path, help="write every judgement to this CSV file")
    arguments = parser.parse_args()
    works = plan(read_dataset(arguments.data), arguments.model, arguments.pictures)
    with ProcessPoolExecutor(arguments.jobs) as processes:
        parts = processes.map(judge, cut(works, arguments.jobs))
        rows = [row for part in parts for row in part]
    if arguments.rows:
        write(arguments.rows, rows)
    Console().print(tabulate(rows))


def plan(data: DataSet, model: Path, pictures: int | None) -> list[Work]:
    """Returns which model judges which pictures; every so manieth if there are too many."""
    study = open_study(model) if model.is_dir() else None
    if study is None:
        parts = [(model, data.samples)]
    else:
        require_finished(study)
        parts = [
            (member.run.exported, study.view(data, member).of_split("test"))
            for member in study.members
        ]
    step = max(1, round(sum(len(part) for _, part in parts) / pictures)) if pictures else 1
    works = []
    for file, samples in parts:
        ordered = sorted(samples, key=lambda each: (each.label, each.path))
        pool = [each for each in ordered if each.label == GOOD][: POOL * step : step]
        works.append(Work(file, data, tuple(ordered[::step]), tuple(pool)))
    return works


def cut(works: Sequence[Work], jobs: int) -> list[Work]:
    """Cuts the work into parts of like size, several for each process."""
    return [
        Work(work.model, work.data, work.samples[start::jobs], work.pool)
        for work in works
        for start in range(jobs)
    ]


def judge(work: Work) -> list[Row]:
    """Judges pictures under all conditions."""
    cv2.setNumThreads(1)
    inspector = load(work.model)
    pool = [(each.path, work.data.read_picture(each)) for each in work.pool]
    rows = []
    for number, sample in enumerate(work.samples):
        picture = work.data.read_picture(sample)
        findings = inspector.inspect(picture)
        if not findings:
            rows.append(Row(CLEAN, sample.path, sample.label, "", 1.0, ""))
            continue
        place = max(findings, key=lambda each: each.defect_score)
        others = [other for path, other in pool if path != sample.path]
        other = others[number % len(others)] if others else None
        for name, change in conditions(number, picture, other):
            found = near(inspector, change(picture), place)
            if found is None:
                rows.append(Row(name, sample.path, sample.label, "", 1.0, ""))
            else:
                said = " ".join(found.warnings)
                rows.append(
                    Row(name, sample.path, sample.label, found.label, found.defect_score, said)
                )
    return rows


def near(inspector: Inspector, picture: Picture, place: Finding) -> Finding | None:
    """Returns the finding at the place of another; None if there is none."""
    box = place.box
    for each in inspector.inspect(picture):
        off = float(np.hypot(each.box.x - box.x, each.box.y - box.y))
        if off < 0.2 * box.length and each.box.width < 1.5 * box.width:
            return each
    return None


def conditions(
    number: int, picture: Picture, other: Picture | None
) -> Iterator[tuple[str, Change]]:
    """Yields the name of each condition, and what it does to a picture.

    Args:
        number: Seed of the noise; an odd one puts the neighbour below, an even one above.
        picture: The picture; all conditions of one share its noise and its outline.
        other: A picture whose capsule becomes the neighbour; None for no neighbours.
    """
    yield CLEAN, lambda picture: picture
    for quality in QUALITIES:
        yield f"JPEG {quality}", partial(compress, quality=quality)
    noise = np.random.default_rng(number).standard_normal(picture.shape, np.float32)
    for sigma in SIGMAS:
        yield f"noise {sigma}", partial(add, noise=noise * np.float32(sigma))
    if other is not None:
        outlines = outline(picture), outline(other)
        for gap in GAPS:
            beside = Neighbour(other, *outlines, gap, is_below=number % 2 == 1)
            yield f"neighbour {gap} px", beside.paste


def compress(picture: Picture, quality: int) -> Picture:
    """Compresses by JPEG as OpenCV does, with half the resolution in colour."""
    swapped = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(np.asarray(decoded), cv2.COLOR_BGR2RGB), np.uint8)


def add(picture: Picture, noise: NDArray[np.float32]) -> Picture:
    """Adds noise, and rounds and clips to whole grey levels."""
    return np.asarray(np.clip(np.rint(picture + noise), 0, 255), np.uint8)


def outline(picture: Picture) -> NDArray[np.uint8]:
    """Returns the largest object at native resolution: uint8 [H, W], 255 inside."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    ground = np.median(border, axis=0).astype(np.uint8)
    apart = cv2.absdiff(picture, np.broadcast_to(ground, picture.shape).copy()).max(axis=2)
    _, mask = cv2.threshold(apart, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, [max(contours, key=cv2.contourArea)], -1, 255, cv2.FILLED)
    return np.asarray(filled, np.uint8)


@dataclass(frozen=True)
class Neighbour:
    """A capsule to paste beside that of a picture.

    Attributes:
        other: The picture that it comes from.
        own_mask: Outline of the capsule that is there, uint8 [H, W].
        mask: Outline of the other capsule, in its picture.
        gap: Native pixels between the two outlines, down the column where they are nearest.
        is_below: Whether it lies below, not above.
    """

    other: Picture
    own_mask: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    gap: int
    is_below: bool

    def paste(self, picture: Picture) -> Picture:
        """Returns a copy of the picture with the neighbour, its shadow and the ground near it."""
        height, width = picture.shape[:2]
        move = np.array([[1, 0, 0], [0, 1, self._shift()]], np.float64)
        moved, mask = (
            cv2.warpAffine(each, move, (width, height), borderMode=mode)
            for each, mode in (
                (self.other, cv2.BORDER_REPLICATE),
                (self.mask, cv2.BORDER_CONSTANT),
            )
        )
        size = 2 * SHADOW + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        soft = cv2.GaussianBlur(cv2.dilate(mask, disc), (0, 0), FEATHER)
        sharp = cv2.GaussianBlur(mask, (0, 0), 1.0)
        own = cv2.GaussianBlur(cv2.dilate(self.own_mask, np.ones((3, 3))), (0, 0), 0.8)
        share = np.maximum(soft, sharp) / np.float32(255) * (1 - own / np.float32(255))
        blended = picture + share[..., None] * (moved.astype(np.float32) - picture)
        return np.asarray(np.rint(blended), np.uint8)

    def _shift(self) -> int:
        """Returns how many rows the other capsule moves down."""
        columns = min(self.own_mask.shape[1], self.mask.shape[1])
        own, other = self.own_mask[:, :columns], self.mask[:, :columns]
        both = np.logical_and(own.any(axis=0), other.any(axis=0))
        if not both.any():
            return 0
        if self.is_below:
            return int((_last(own) - _first(other))[both].max()) + 1 + self.gap
        return int((_first(own) - _last(other))[both].min()) - 1 - self.gap


def _first(mask: NDArray[np.uint8]) -> NDArray[np.intp]:
    return np.asarray((mask > 0).argmax(axis=0), np.intp)


def _last(mask: NDArray[np.uint8]) -> NDArray[np.intp]:
    return len(mask) - 1 - _first(mask[::-1])


def tabulate(rows: Sequence[Row]) -> Table:
    """Counts by condition."""
    table = Table(title="Judged capsules by condition")
    for title in (
        "condition",
        "good",
        "false alarms",
        "silent",
        "defects",
        "misses",
        "silent",
        "right class",
        "not found",
        "with a warning",
    ):
        table.add_column(title, justify="left" if title == "condition" else "right")
    for name in dict.fromkeys(row.condition for row in rows):
        table.add_row(name, *_cells([row for row in rows if row.condition == name]))
    return table


def _cells(rows: Sequence[Row]) -> Iterator[str]:
    good = sum(row.truth == GOOD for row in rows)
    defects = [row for row in rows if row.truth != GOOD]
    alarms = [row for row in rows if row.is_false_alarm]
    misses = [row for row in rows if row.is_miss]
    yield str(good)
    yield str(len(alarms))
    yield str(sum(not row.warning for row in alarms))
    yield str(len(defects))
    yield str(len(misses))
    yield str(sum(not row.warning for row in misses))
    yield str(sum(row.label == row.truth for row in defects))
    yield str(sum(not row.label for row in rows))
    yield f"{sum(bool(row.warning) for row in rows) / len(rows):.1%}"


def write(path: Path, rows: Sequence[Row]) -> None:
    """Writes every judgement as CSV."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(astuple(row) for row in rows)


if __name__ == "__main__":
    main()
