"""A blind reading: how well can a person name the class of a defect from the picture alone?

For each fold of the cross-validation, `sheets` draws labelled examples, the defects of the other
folds, and numbered questions, the defects of the fold. A reader sees the sheets of one fold only,
because the examples of another fold hold the answers. `score` counts the answers.

Usage:
    python experiments/blind_reading.py sheets OUT [--data CAPSULE] [--seed 1]
    python experiments/blind_reading.py score ANSWERS.csv KEY.csv [OUT_OF_FOLD.csv]
"""

import argparse
import csv
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from capsule_inspect import prepare
from capsule_inspect.choices import GOOD
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.split import leave_out
from capsule_inspect.errors import CapsuleInspectError, DataError, UsageError
from capsule_inspect.evaluation.cross_validation import read_out_of_fold
from capsule_inspect.evaluation.intervals import wilson
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.files import write_bytes, write_csv
from capsule_inspect.imaging.crop import Crop, find_crops
from capsule_inspect.imaging.encode import encode_picture
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.roi import Roi

DATA = "CAPSULE_INSPECT_DATA"
"""The variable that names the folder of pictures, as for the tests."""
FOLDS, FOLD_SEED = 5, 1
"""The folds of the first seed in `experiments/cross_validation_int8`."""
KEY_COLUMNS = ("fold", "question", "path", "label")
ANSWER_COLUMNS = ("fold", "question", "label")

WINDOW = Roi("capsule", 480, 192, 428)
"""The network's own window."""
CLOSE_UP = (388, 280)
"""Width and height of a close-up on the sheet."""
MARGIN = 24
"""Least distance from the mask to the border of its close-up, in native pixels."""
GAP = 4
TILE = (2 * CLOSE_UP[0] + GAP, WINDOW.height + GAP + CLOSE_UP[1])
TILES, SPACE = 3, 4
"""The tiles of a sheet, and the pixels around each. A sheet has at most 788 x 1452 pixels, which
viewers with a limit of 1.15 megapixels show without shrinking."""
PAPER, INK, OUTLINE = 255, (0, 0, 0), (0, 255, 0)


@dataclass(frozen=True)
class Answer:
    """The reader's label of a question, beside the truth.

    Attributes:
        path: Path of the picture in the data set.
        truth: The true class.
        label: The class that the reader chose.
    """

    path: str
    truth: str
    label: str

    @property
    def is_right(self) -> bool:
        """Whether the reader chose the true class."""
        return self.label == self.truth


def draw_sheets(source: Path, out: Path, seed: int) -> Path:
    """Writes the sheets of all folds to `out/fold0` and on, and the key to the folder `out-key`.

    Args:
        source: The real pictures, in MVTec AD's layout.
        out: The folder of the sheets; new or empty.
        seed: Decides the order of the questions; not the folds.

    Returns:
        The key.

    Raises:
        CapsuleInspectError: The pictures are not usable, or a folder is not empty.
    """
    hidden = out.with_name(f"{out.name}-key")
    for folder in (out, hidden):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"'{folder}' is not an empty folder. Name a new one.")
    rows: list[Sequence[object]] = [KEY_COLUMNS]
    for fold, data in enumerate(divide(source)):
        folder = out / f"fold{fold}"
        folder.mkdir(parents=True)
        draw_examples(data, folder)
        asked = draw_questions(data, folder, np.random.default_rng((seed, fold)))
        rows += [(fold, number, each.path, each.label) for number, each in enumerate(asked, 1)]
    hidden.mkdir(parents=True, exist_ok=True)
    write_csv(hidden / "key.csv", rows)
    return hidden / "key.csv"


def divide(source: Path) -> Iterator[DataSet]:
    """Yields the data set once for each fold: `test` is the fold, and `train` the other folds."""
    with tempfile.TemporaryDirectory() as folder:
        data = prepare(source, Path(folder) / "data", page=False).data
        for fold in range(FOLDS):
            yield leave_out(replace(data, seed=FOLD_SEED), fold, FOLDS, val=0.0)


def draw_examples(data: DataSet, folder: Path) -> None:
    """Writes the defects of the other folds, class by class, to `examples-CLASS-1.png` and on."""
    examples = [each for each in data.of_split("train") if each.label != GOOD]
    for label in sorted({each.label for each in examples}):
        of_class = [each for each in examples if each.label == label]
        tiles = [draw_tile(data, each, label) for each in of_class]
        write_sheets(folder, f"examples-{label}", tiles)


def draw_questions(data: DataSet, folder: Path, generator: np.random.Generator) -> list[Sample]:
    """Writes the defects of the fold to `questions-1.png` and on.

    Returns:
        The defects in the order of their numbers, which is random.
    """
    questions = [each for each in data.of_split("test") if each.label != GOOD]
    asked = [questions[place] for place in generator.permutation(len(questions))]
    tiles = [draw_tile(data, each, f"question {number}") for number, each in enumerate(asked, 1)]
    write_sheets(folder, "questions", tiles)
    return asked


def draw_tile(data: DataSet, sample: Sample, caption: str) -> Picture:
    """Draws a defect: the capsule with its caption above two close-ups, one with the outline.

    Only the caption depends on whether the defect is an example or a question.

    Args:
        data: The data set.
        sample: A defective picture with a mask.
        caption: The class, or the number of the question.

    Returns:
        uint8 RGB, [476, 780, 3].

    Raises:
        DataError: The picture has no mask, or not exactly one capsule.
    """
    picture, mask = data.read(sample)
    crops = find_crops(picture, WINDOW)
    if mask is None or not mask.any() or len(crops) != 1:
        raise DataError(
            f"'{sample.path}' needs a mask and one capsule, but has {len(crops)} capsules and "
            f"{'no' if mask is None or not mask.any() else 'a'} mask. Leave it out of the data."
        )
    corner, scale = place_close_up(mask)
    plain, outlined = draw_close_ups(picture, mask, corner, scale)
    tile = np.full((TILE[1], TILE[0], 3), PAPER, np.uint8)
    tile[: WINDOW.height, : WINDOW.width] = draw_capsule(picture, crops[0], corner, scale)
    for line, (text, size) in enumerate([(caption, 0.9), (f"close-up x {scale:.2f}", 0.6)]):
        foot = (WINDOW.width + 12, 50 + 40 * line)
        cv2.putText(tile, text, foot, cv2.FONT_HERSHEY_DUPLEX, size, INK, 1, cv2.LINE_AA)
    tile[-CLOSE_UP[1] :, : CLOSE_UP[0]] = plain
    tile[-CLOSE_UP[1] :, -CLOSE_UP[0] :] = outlined
    return tile


def place_close_up(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], float]:
    """Centres the close-up on the mask; its scale is 1, or less if the mask does not fit.

    Args:
        mask: bool [H, W], the defect.

    Returns:
        x and y of the close-up's corner in native pixels, inside the picture where there is room;
        and its pixels per native pixel, at most 1.
    """
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    sides = (width + 2 * MARGIN, height + 2 * MARGIN)
    scale = min(1.0, CLOSE_UP[0] / sides[0], CLOSE_UP[1] / sides[1])
    corner = []
    for middle, side, room in zip(
        (x + width / 2, y + height / 2), native_size(scale), mask.shape[::-1], strict=True
    ):
        corner.append(min(max(0, round(middle - side / 2)), max(0, room - side)))
    return (corner[0], corner[1]), scale


def native_size(scale: float) -> tuple[int, int]:
    """Returns width and height of a close-up in native pixels."""
    return round(CLOSE_UP[0] / scale), round(CLOSE_UP[1] / scale)


def draw_close_ups(
    picture: Picture, mask: NDArray[np.bool_], corner: tuple[int, int], scale: float
) -> tuple[Picture, Picture]:
    """Returns the close-up, and a copy with the outline just outside the mask."""
    (x, y), (width, height) = corner, native_size(scale)
    cut = (slice(y, y + height), slice(x, x + width))
    # Pictures smaller than a close-up leave paper to the right and below.
    paper = (0, height - picture[cut].shape[0], 0, width - picture[cut].shape[1])
    whole = cv2.copyMakeBorder(
        picture[cut], *paper, cv2.BORDER_CONSTANT, value=(PAPER, PAPER, PAPER)
    )
    inside = cv2.copyMakeBorder(mask[cut].astype(np.uint8), *paper, cv2.BORDER_CONSTANT, value=0)
    plain = np.asarray(cv2.resize(whole, CLOSE_UP, interpolation=cv2.INTER_AREA), np.uint8)
    small = cv2.resize(inside, CLOSE_UP, interpolation=cv2.INTER_NEAREST)
    outlined = plain.copy()
    outlined[(cv2.dilate(small, np.ones((3, 3), np.uint8)) > 0) & (small == 0)] = OUTLINE
    return plain, outlined


def draw_capsule(picture: Picture, crop: Crop, corner: tuple[int, int], scale: float) -> Picture:
    """Returns the capsule in standard pose, with the frame of the close-up."""
    drawn = crop.take(picture)
    (x, y), (width, height) = corner, native_size(scale)
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    frame = np.rint(corners @ crop.matrix[:, :2].T + crop.matrix[:, 2]).astype(np.int32)
    cv2.polylines(drawn, [frame], isClosed=True, color=OUTLINE)
    return drawn


def write_sheets(folder: Path, name: str, tiles: Sequence[Picture]) -> None:
    """Writes tiles, one below the other, to `name-1.png` and on."""
    for number, start in enumerate(range(0, len(tiles), TILES), start=1):
        shown = [
            np.pad(tile, ((SPACE,), (SPACE,), (0,)), constant_values=PAPER)
            for tile in tiles[start : start + TILES]
        ]
        sheet = encode_picture(np.concatenate(shown))
        write_bytes(folder / f"{name}-{number}.png", sheet)


def read_answers(answers: Path, key: Path) -> list[Answer]:
    """Reads the answers to the questions of a key, in the key's order.

    Args:
        answers: A CSV file, or a folder of one for each fold; further columns do not matter.
        key: The key that `sheets` wrote.

    Raises:
        DataError: A file is damaged, a question is not answered once, or a label is no class.
    """
    truth = {(row["fold"], row["question"]): row for row in read_rows(key, KEY_COLUMNS)}
    classes = sorted({row["label"] for row in truth.values()})
    files = sorted(answers.glob("*.csv")) if answers.is_dir() else [answers]
    labels: dict[tuple[str, str], str] = {}
    for row in (row for file in files for row in read_rows(file, ANSWER_COLUMNS)):
        place = (row["fold"], row["question"])
        asked = f"'{answers}', fold {place[0]}, question {place[1]}"
        if place not in truth or place in labels:
            why = "is answered twice" if place in labels else f"is not in '{key}'"
            raise DataError(f"{asked}: the question {why}. Delete the row.")
        if row["label"] not in classes:
            raise DataError(
                f"{asked}: '{row['label']}' is no class. Write one of {', '.join(classes)}."
            )
        labels[place] = row["label"]
    missing = [place for place in truth if place not in labels]
    if missing:
        fold, question = missing[0]
        raise DataError(
            f"'{answers}' leaves {len(missing)} questions open, the first in fold {fold}: "
            f"question {question}. Answer each."
        )
    return [Answer(row["path"], row["label"], labels[place]) for place, row in truth.items()]


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Reads the columns of a CSV file; spaces around the cells do not count.

    Raises:
        DataError: The file cannot be read, or lacks a column or a row.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream, skipinitialspace=True, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"'{path}' cannot be read ({error}). Check the file.") from error
    if not rows or any(row.get(column) is None for row in rows for column in columns):
        raise DataError(f"'{path}' must have rows, with the columns {', '.join(columns)}.")
    return [{column: row[column].strip() for column in columns} for row in rows]


def read_model(path: Path, answers: Sequence[Answer]) -> dict[int, dict[str, Judgement]]:
    """Reads a model's judgements of the pictures that the reader saw: by seed, then by path.

    Raises:
        DataError: The file is damaged, lacks a picture, or has another truth.
    """
    judged: dict[int, dict[str, Judgement]] = {}
    for each in read_out_of_fold(path)[0]:
        judged.setdefault(each.seed, {})[each.judgement.path] = each.judgement
    for seed, judgements in judged.items():
        for answer in answers:
            judgement = judgements.get(answer.path)
            if judgement is None or judgement.truth != answer.truth:
                raise DataError(
                    f"'{path}' does not hold '{answer.path}' as {answer.truth} for seed {seed}. "
                    "Give the predictions for the pictures of the key."
                )
    return judged


def share(hits: int, n: int) -> str:
    """Writes a share with Wilson's 95 % interval."""
    if not n:
        return "-"
    low, high = wilson(hits, n)
    return f"{hits / n:.3f} ({low:.3f} to {high:.3f})"


def tabulate_reader(answers: Sequence[Answer]) -> Table:
    """Counts the reader's labels by true class; the last row has all classes."""
    classes = sorted({answer.truth for answer in answers})
    counts = Counter((answer.truth, answer.label) for answer in answers)
    table = Table(title="The reader's labels")
    for column in ("truth", *classes, "right (95 %)"):
        table.add_column(column, justify="left" if column == "truth" else "right", no_wrap=True)
    for truth in classes:
        cells = [counts[truth, label] for label in classes]
        table.add_row(truth, *map(str, cells), share(counts[truth, truth], sum(cells)))
    totals = [str(sum(counts[truth, label] for truth in classes)) for label in classes]
    right = sum(answer.is_right for answer in answers)
    table.add_row("all", *totals, share(right, len(answers)), end_section=True)
    return table


def tabulate_both(
    answers: Sequence[Answer], judgements: Mapping[str, Judgement], seed: int
) -> Table:
    """Counts how often the reader is right where the model is wrong, and the converse.

    A defect that the model calls good, or whose capsule it does not find, is an error: a miss.
    """
    classes = {answer.truth for answer in answers}
    labels = [judgements[answer.path].label for answer in answers]
    reader = np.array([answer.is_right for answer in answers])
    model = np.array([label == each.truth for label, each in zip(labels, answers, strict=True)])
    missed = np.array([label not in classes for label in labels])
    table = Table(title=f"The reader and the model of seed {seed}")
    table.add_column("defects that")
    for column in ("n", "right", "share (95 %)"):
        table.add_column(column, justify="right")
    for name, chosen, right in (
        ("the reader was asked about: the model is", model | ~model, model),
        ("the model gets right: the reader is", model, reader),
        ("the model gets wrong: the reader is", ~model, reader),
        ("the model gets wrong, calling another class: the reader is", ~model & ~missed, reader),
        ("the model gets wrong, missing them: the reader is", missed, reader),
        ("the reader gets right: the model is", reader, model),
        ("the reader gets wrong: the model is", ~reader, model),
    ):
        n, hits = int(chosen.sum()), int((chosen & right).sum())
        table.add_row(name, str(n), str(hits), share(hits, n))
    return table


def score(answers: Path, key: Path, model: Path | None, console: Console) -> None:
    """Prints the reader's accuracy and confusions and, with a model's rows, who errs where."""
    read = read_answers(answers, key)
    console.print(tabulate_reader(read))
    for seed, judgements in (read_model(model, read) if model else {}).items():
        console.print(tabulate_both(read, judgements, seed))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    sheets = commands.add_parser("sheets", help="draw the sheets, and the key beside them")
    sheets.add_argument("out", type=Path, help="folder of the sheets; the key goes to OUT-key")
    sheets.add_argument("--data", default=os.environ.get(DATA), help=f"the pictures; or set {DATA}")
    sheets.add_argument("--seed", type=int, default=1, help="of the order of the questions")
    scored = commands.add_parser("score", help="count the answers")
    scored.add_argument("answers", type=Path, help="CSV: fold, question, label; or a folder of it")
    scored.add_argument("key", type=Path, help="key.csv, which `sheets` wrote")
    scored.add_argument("model", type=Path, nargs="?", help="out_of_fold.csv of `evaluate`")
    parsed = parser.parse_args(arguments)
    if parsed.command == "sheets" and not parsed.data:
        parser.error(f"{DATA} does not say where the real pictures are. Set it, or give --data.")
    return parsed


def main() -> None:
    """Runs a command; errors end with 2."""
    arguments = parse()
    console = Console(width=120)
    try:
        if arguments.command == "sheets":
            key = draw_sheets(Path(arguments.data), arguments.out, arguments.seed)
            console.print(f"The sheets are in '{arguments.out}'; keep '{key}' from the reader.")
        else:
            score(arguments.answers, arguments.key, arguments.model, console)
    except CapsuleInspectError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
