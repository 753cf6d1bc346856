"""The sheets of a blind reading hold what their key says, and the answers are counted right."""

import csv
import itertools
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from experiment_script import run_experiment

from capsule_inspect.imaging.read import read_mask, read_picture

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STORED = ROOT / "experiments/cross_validation_int8/out_of_fold.csv"
TILES = 3

run = partial(run_experiment, "blind_reading.py")


@dataclass(frozen=True)
class Reading:
    source: Path
    sheets: Path
    key: list[dict[str, str]]

    def asked_in(self, fold: int) -> list[dict[str, str]]:
        return [row for row in self.key if row["fold"] == str(fold)]

    def strips(self, fold: int, name: str) -> list[np.ndarray]:
        """The tiles of the sheets of a name, in order."""
        files = sorted(self.sheets.glob(f"fold{fold}/{name}-?.png"))
        sheets = [read_picture(file) for file in files]
        height = max(len(sheet) for sheet in sheets) // min(TILES, self.most(fold, name))
        assert all(len(sheet) % height == 0 for sheet in sheets)
        return [tile for sheet in sheets for tile in np.split(sheet, len(sheet) // height)]

    def most(self, fold: int, name: str) -> int:
        label = name.removeprefix("examples-")
        others = [r for r in self.key if r["fold"] != str(fold) and r["label"] == label]
        return len(self.asked_in(fold) if name == "questions" else others)

    def patch(self, path: str) -> np.ndarray:
        """The native pixels around the middle of a defect."""
        mask = path.replace("test/", "ground_truth/").rpartition(".")[0] + "_mask.png"
        x, y, width, height = cv2.boundingRect(read_mask(self.source / mask))
        left, top = x + width // 2 - 12, y + height // 2 - 12
        return read_picture(self.source / path)[top : top + 24, left : left + 24]


def read(source: Path, out: Path, seed: int) -> Reading:
    done = run("sheets", out, "--seed", seed, CAPSULE_INSPECT_DATA=str(source))
    assert done.returncode == 0, done.stderr
    with Path(f"{out}-key", "key.csv").open(newline="", encoding="utf-8") as stream:
        return Reading(source, out, list(csv.DictReader(stream)))


@pytest.fixture(scope="module")
def drawn(drawn_folder, tmp_path_factory) -> Reading:
    source = tmp_path_factory.mktemp("all") / "capsule"
    # As in the real data, all defects are in `test`.
    for file in drawn_folder.rglob("*.png"):
        part = file.relative_to(drawn_folder)
        part = part if part.parts[0] == "ground_truth" else Path("test", *part.parts[1:])
        (source / part).parent.mkdir(parents=True, exist_ok=True)
        (source / part).write_bytes(file.read_bytes())
    return read(source, tmp_path_factory.mktemp("drawn") / "sheets", 1)


def shows(tile: np.ndarray, patch: np.ndarray) -> bool:
    """Whether a tile holds a patch, by every third of its pixels."""
    pixels, wanted = (values @ np.array([1, 2**8, 2**16]) for values in (tile, patch))
    height, width = (side - len(patch) + 1 for side in pixels.shape)
    here = np.ones((height, width), bool)
    for y, x in itertools.product(range(0, len(patch), 3), repeat=2):
        here &= pixels[y : y + height, x : x + width] == wanted[y, x]
        if not here.any():
            return False
    return True


@pytest.mark.parametrize("fold", range(5))
def test_a_question_shows_the_picture_that_the_key_names(drawn, fold):
    asked, tiles = drawn.asked_in(fold), drawn.strips(fold, "questions")
    assert [row["question"] for row in asked] == [str(n + 1) for n in range(len(tiles))]
    for row, tile in zip(asked, tiles, strict=True):
        shown = [other["path"] for other in drawn.key if shows(tile, drawn.patch(other["path"]))]
        assert shown == [row["path"]]


def test_every_defect_is_asked_once(drawn):
    defects = {p for p in drawn.source.glob("test/*/*.png") if p.parent.name != "good"}
    assert {drawn.source / row["path"] for row in drawn.key} == defects
    assert len(drawn.key) == len(defects) == 20
    assert all(row["label"] == Path(row["path"]).parent.name for row in drawn.key)


@pytest.mark.parametrize("fold", range(5))
def test_examples_are_the_defects_of_the_other_folds_by_class(drawn, fold):
    patches = {row["path"]: drawn.patch(row["path"]) for row in drawn.key}
    for label in {row["label"] for row in drawn.key}:
        others = [r for r in drawn.key if r["label"] == label and r["fold"] != str(fold)]
        tiles = drawn.strips(fold, f"examples-{label}")
        found = [path for tile in tiles for path, patch in patches.items() if shows(tile, patch)]
        assert sorted(found) == sorted(row["path"] for row in others)


def test_the_sheets_tell_neither_names_nor_labels_of_questions(drawn):
    names = {file.name for file in drawn.sheets.rglob("*.*")}
    labels = "|".join({row["label"] for row in drawn.key})
    assert all(re.fullmatch(rf"(questions|examples-({labels}))-\d\.png", name) for name in names)


def test_another_seed_asks_in_another_order_on_the_same_folds(drawn, tmp_path):
    other = read(drawn.source, tmp_path / "other", 2)
    assert other.key != drawn.key
    places = [{(r["fold"], r["path"]) for r in reading.key} for reading in (drawn, other)]
    assert places[0] == places[1]


def test_the_same_seed_draws_the_same_sheets(drawn, tmp_path):
    again = read(drawn.source, tmp_path / "again", 1)
    assert again.key == drawn.key
    files = sorted(drawn.sheets.rglob("*.png"))
    assert len(files) == len(list(again.sheets.rglob("*.png")))
    for file in files:
        repeated = again.sheets / file.relative_to(drawn.sheets)
        assert repeated.read_bytes() == file.read_bytes()


def test_sheets_are_not_written_over(drawn):
    done = run("sheets", drawn.sheets, "--data", drawn.source)
    assert done.returncode == 2
    assert done.stderr == f"'{drawn.sheets}' is not an empty folder. Name a new one.\n"


def test_the_folds_are_those_of_the_stored_cross_validation(real_data, tmp_path):
    reading = read(real_data, tmp_path / "real", 1)
    with STORED.open(newline="", encoding="utf-8") as stream:
        rows = [r for r in csv.DictReader(stream) if r["truth"] != "good" and r["seed"] == "1"]
    stored = {(row["path"], row["fold"], row["truth"]) for row in rows}
    assert {(row["path"], row["fold"], row["label"]) for row in reading.key} == stored
    assert len(reading.key) == len(stored) == 92
    for fold in range(5):
        asked, tiles = reading.asked_in(fold), reading.strips(fold, "questions")
        assert tiles[0].shape[0] * TILES <= 1600
        # Close-ups of large defects are shrunk, so their native pixels are not on the sheet.
        shown = [
            shows(tile, reading.patch(row["path"])) for row, tile in zip(asked, tiles, strict=True)
        ]
        assert sum(shown) >= 0.75 * len(asked)


KEY = """fold,question,path,label
0,1,test/crack/000.jpg,crack
0,2,test/poke/000.jpg,poke
0,3,test/crack/001.jpg,crack
1,1,test/poke/001.jpg,poke
1,2,test/crack/002.jpg,crack
"""
# Right on crack 000, poke 000 and crack 002.
ANSWERS = ("fold,question,label\n0,2,poke\n0,1,crack\n0,3,poke\n", "1,1,crack\n1,2,crack\n")
# Right on crack 000, crack 001 and poke 001; calls poke 000 a crack, and misses crack 002.
CALLED = {
    "crack/000": "crack",
    "poke/000": "crack",
    "crack/001": "crack",
    "poke/001": "poke",
    "crack/002": "good",
    "good/000": "crack",
}


@pytest.fixture
def worked(tmp_path) -> Path:
    (tmp_path / "key.csv").write_text(KEY, encoding="utf-8")
    (tmp_path / "answers.csv").write_text("".join(ANSWERS), encoding="utf-8")
    columns = "path sha256 truth label defect_score p_good p_crack p_poke dice iou true_area_px"
    columns += " predicted_area_px common_area_px fold seed temperature threshold mask_threshold"
    lines = [[*columns.split(), "model_sha256"]]
    for name, label in CALLED.items():
        truth = name.partition("/")[0]
        decided = [f"test/{name}.jpg", "0" * 64, truth, label, "0.5", "0.5", "0.25", "0.25"]
        lines.append([*decided, "", "", "", "", "", "0", "3", "1", "0.5", "0.5", "1" * 64])
    text = "".join(",".join(line) + "\n" for line in lines)
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    return tmp_path


def rows_of(out: str) -> dict[str, list[str]]:
    """The cells of a printed table by the first cell of their row."""
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    return {cells[0]: cells[1:] for cells in lines if cells}


def test_the_readers_accuracy_and_confusions(worked):
    done = run("score", worked / "answers.csv", worked / "key.csv")
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert rows["crack"][:2] == ["2", "1"]
    assert rows["poke"][:2] == ["1", "1"]
    # Wilson's interval by hand, z = 1.96: (.984 -+ 1.96 sqrt(.0864)) / 1.768, with p = .6, n = 5.
    assert rows["all"] == ["3", "2", "0.600 (0.231 to 0.882)"]


def test_who_is_right_where_the_other_errs(worked):
    pytest.importorskip("sklearn")
    done = run("score", worked / "answers.csv", worked / "key.csv", worked / "rows.csv")
    assert done.returncode == 0, done.stderr
    assert "model of seed 3" in done.stdout
    rows = {name: cells[:2] for name, cells in rows_of(done.stdout).items()}
    assert rows["the reader was asked about: the model is"] == ["5", "3"]
    assert rows["the model gets right: the reader is"] == ["3", "1"]
    assert rows["the model gets wrong: the reader is"] == ["2", "2"]
    assert rows["the model gets wrong, calling another class: the reader is"] == ["1", "1"]
    assert rows["the model gets wrong, missing them: the reader is"] == ["1", "1"]
    assert rows["the reader gets right: the model is"] == ["3", "1"]
    assert rows["the reader gets wrong: the model is"] == ["2", "2"]


def test_a_folder_of_answers_counts_as_one_file(worked):
    folder = worked / "by-fold"
    folder.mkdir()
    (folder / "0.csv").write_text(ANSWERS[0], encoding="utf-8")
    (folder / "1.csv").write_text(f"fold,question,label\n{ANSWERS[1]}", encoding="utf-8")
    whole, parts = (
        run("score", path, worked / "key.csv") for path in (worked / "answers.csv", folder)
    )
    assert parts.returncode == 0, parts.stderr
    assert parts.stdout == whole.stdout


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("1,2,crack\n1,2,poke\n", "fold 1, question 2: the question is answered twice"),
        ("1,2,crack\n1,3,poke\n", "fold 1, question 3: the question is not in"),
        ("1,2,dent\n", "fold 1, question 2: 'dent' is no class. Write one of crack, poke."),
        ("", "leaves 1 questions open, the first in fold 1: question 2. Answer each."),
        ("1,2\n", "must have rows, with the columns fold, question, label"),
    ],
)
def test_answers_that_cannot_be_counted(worked, wrong, said):
    text = "".join(ANSWERS).replace("1,2,crack\n", wrong)
    (worked / "answers.csv").write_text(text, encoding="utf-8")
    done = run("score", worked / "answers.csv", worked / "key.csv")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_rows_of_other_pictures_are_refused(worked):
    pytest.importorskip("sklearn")
    rows = worked / "rows.csv"
    rows.write_text(rows.read_text(encoding="utf-8").replace("poke/001", "poke/009"), "utf-8")
    done = run("score", worked / "answers.csv", worked / "key.csv", rows)
    assert done.returncode == 2
    assert "does not hold 'test/poke/001.jpg' as poke for seed 3" in done.stderr
