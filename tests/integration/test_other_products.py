"""The comparison on other products: its folds keep tiles together, and its table is right."""

import re
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from experiment_script import run_experiment

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.evaluation.cross_validation import OutOfFold, write_out_of_fold
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.pixels import Overlap

pytest.importorskip("sklearn")

run = partial(run_experiment, "other_products.py")
FRAMES = {
    "MT_Free": [100, 160, 220, 281, 900, 1800, 2700, 3600, 4500, 5400],
    "MT_Crack": [10_000, 10_010, 11_000, 11_020, 12_000, 13_000, 14_000, 15_000],
    "MT_Uneven": [20_000, 21_000, 22_000, 23_000, 24_000, 25_000],
}
CHAIN = {100, 160, 220}
"""One tile: each is 60 from the next, and 281 is 61 away."""
EMPTY = 25_000
"""The frame whose mask is empty."""


def save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())


def draw(random: np.random.Generator, has_defect: bool) -> tuple[np.ndarray, np.ndarray]:
    picture = random.integers(90, 120, (96, 48), np.uint8)
    mask = np.zeros_like(picture)
    if has_defect:
        cv2.circle(mask, tuple(random.integers(10, 38, 2).tolist()), 6, 255, -1)
    return np.where(mask > 0, np.uint8(20), picture), mask


@pytest.fixture(scope="module")
def products(tmp_path_factory) -> Path:
    """Small pictures in the layouts of both products."""
    folder, random = tmp_path_factory.mktemp("products"), np.random.default_rng(0)
    for kind, frames in FRAMES.items():
        for frame in frames:
            picture, mask = draw(random, kind != "MT_Free")
            path = folder / f"magnetic_tile/{kind}/Imgs/exp1_num_{frame}.jpg"
            save(path, picture)
            save(path.with_suffix(".png"), mask * (frame != EMPTY))
    for i in range(20):
        picture, mask = draw(random, i % 2 == 1)
        if i % 2:
            save(folder / f"mvtec_pill/test/crack/{i:03}.png", picture)
            save(folder / f"mvtec_pill/ground_truth/crack/{i:03}_mask.png", mask)
        else:
            save(folder / f"mvtec_pill/train/good/{i:03}.png", picture)
    return folder


@pytest.fixture(scope="module")
def prepared(products, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    done = run("prepare", out, "--pictures", products)
    assert done.returncode == 0, done.stderr
    assert "tiles: 23 pictures, 1 left out." in done.stderr
    assert "pills: 20 pictures, 0 left out." in done.stderr
    return out


def frame_of(path: str) -> int:
    return int(re.search(r"num_(\d+)", path)[1])


def test_tiles_have_their_labels_and_the_masks_beside_them(prepared):
    data = read_dataset(prepared / "tiles-1/data")
    assert data.classes == ("good", "crack", "uneven")
    assert Counter(s.label for s in data.samples) == {"good": 10, "crack": 8, "uneven": 5}
    for sample in data.samples:
        beside = sample.path.removesuffix(".jpg") + ".png"
        assert sample.mask == ("" if sample.label == "good" else beside)
        assert frame_of(sample.path) != EMPTY
        assert data.read(sample)[1].any() == (sample.label != "good")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_exposures_of_a_tile_share_a_fold_and_classes_are_spread(prepared, seed):
    data = read_dataset(prepared / f"tiles-{seed}/data")
    fold_of = {frame_of(sample.path): sample.fold for sample in data.samples}
    assert len({fold_of[frame] for frame in CHAIN}) == 1
    assert fold_of[10_000] == fold_of[10_010]
    assert fold_of[11_000] == fold_of[11_020]
    folds = defaultdict(Counter)
    for sample in data.samples:
        folds[sample.fold][sample.label] += 1
    assert sorted(folds) == [0, 1, 2, 3, 4]
    assert all(count["uneven"] == 1 and count["crack"] >= 1 for count in folds.values())


def test_one_frame_more_is_another_tile(prepared):
    together = [
        fold[281] == fold[220]
        for seed in (1, 2, 3)
        for data in [read_dataset(prepared / f"tiles-{seed}/data")]
        for fold in [{frame_of(s.path): s.fold for s in data.samples}]
    ]
    assert not all(together)


def test_pills_are_stratified_and_seeds_deal_anew(prepared):
    dealt = [read_dataset(prepared / f"pills-{seed}/data").samples for seed in (1, 2, 3)]
    for samples in dealt:
        counts = Counter((sample.label, sample.fold) for sample in samples)
        assert set(counts.values()) == {2}
        assert {sample.split for sample in samples} == {"train"}
    folds = [[sample.fold for sample in samples] for samples in dealt]
    assert folds[0] != folds[1] != folds[2]


def test_folds_that_are_there_stay(prepared, products):
    manifest = prepared / "pills-2/data/manifest.csv"
    before = manifest.stat().st_mtime_ns
    done = run("prepare", prepared, CAPSULE_INSPECT_PRODUCTS=str(products))
    assert done.returncode == 0, done.stderr
    assert manifest.stat().st_mtime_ns == before


def test_without_pictures_a_sentence_says_what_to_set(tmp_path):
    done = run("prepare", tmp_path, CAPSULE_INSPECT_PRODUCTS="")
    assert done.returncode == 2
    assert "CAPSULE_INSPECT_PRODUCTS does not say where the pictures are" in done.stderr


def store(out: Path, product: str, seed: int, name: str, rows: list[tuple]) -> None:
    """Writes predictions: path, truth, label, defect score, and Dice in tenths or None."""
    folder = out / f"{product}-{seed}" / name / "evaluation"
    folder.mkdir(parents=True)
    predictions = [
        OutOfFold(
            Judgement(
                path,
                "",
                truth,
                label,
                score,
                (1 - score, score),
                None if tenths is None else Overlap(intersection=tenths, predicted=10, true=10),
            ),
            *(0, seed, 1.0, 0.5, 0.5, ""),
        )
        for path, truth, label, score, tenths in rows
    ]
    write_out_of_fold(folder / "out_of_fold.csv", predictions, ("good", "crack"))


def cells(text: str, method: str) -> list[str]:
    """The cells of a method's row."""
    lines = (line for line in text.splitlines() if line.startswith("│"))
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    (row,) = (row for row in rows if row[0] == method)
    return row[1:]


def test_the_table_shows_means_over_seeds_and_differences_by_picture(tmp_path):
    truths = [(f"{i}.png", "good" if i < 2 else "crack") for i in range(4)]
    for seed in (1, 2):
        labels = ["good", "good", "good", "crack"] if seed == 1 else ["good", "crack"] * 2
        scores = [0.1, 0.4, 0.3, 0.9]  # three of four pairs in order
        rows = [(*t, label, s, None) for t, label, s in zip(truths, labels, scores, strict=True)]
        store(tmp_path, "pills", seed, "lda", rows)
        right = [(*t, t[1], float(t[1] != "good"), 8 if t[1] != "good" else None) for t in truths]
        store(tmp_path, "pills", seed, "tool", right)
    done = run("table", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "pills: 4 pictures of 4 objects" in done.stdout
    # Seed 1 misses a crack; seed 2 also calls a good one a crack.
    assert [c.split()[0] for c in cells(done.stdout, "lda")] == [
        *("0.625", "0.500", "0.625", "0.750", "-")
    ]
    assert [c.split()[0] for c in cells(done.stdout, "tool")] == ["1.000"] * 4 + ["0.800"]
    assert cells(done.stdout, "tool")[0] == "1.000 (1.000 to 1.000)"
    differences = cells(done.stdout, "tool - lda")
    assert [c.split()[0] for c in differences] == ["+0.375", "+0.500", "+0.375", "+0.250", "-"]
    low, high = map(float, re.findall(r"[+-]\d\.\d+", differences[0])[1:])
    assert 0 <= low < 0.375 < high <= 1


def test_the_interval_counts_a_tile_once_however_often_it_was_exposed(tmp_path):
    # Two tiles of 20 exposures. The tool is right on the ten cracks of one of them besides, so the
    # difference in accuracy is .25, and in samples of one tile alone 0 or .5.
    rows, better = [], []
    for tile in (0, 1):
        for i in range(20):
            truth = ("good", "crack")[i % 2]
            path, label = f"exp1_num_{1000 * tile + i}.jpg", truth if tile else "good"
            rows.append((path, truth, "good", i / 40, None))
            better.append((path, truth, label, i / 40, None))
    store(tmp_path, "tiles", 1, "lda", rows)
    store(tmp_path, "tiles", 1, "tool", better)
    done = run("table", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "tiles: 40 pictures of 2 objects" in done.stdout
    assert cells(done.stdout, "tool - lda")[0] == "+0.250 (+0.000 to +0.500)"


def test_methods_that_judged_other_pictures_are_not_compared(tmp_path):
    rows = [("a.png", "good", "good", 0.1, None), ("b.png", "crack", "crack", 0.9, None)]
    store(tmp_path, "pills", 1, "lda", rows)
    store(tmp_path, "pills", 1, "tool", [("c.png", *rows[0][1:]), rows[1]])
    done = run("table", tmp_path)
    assert done.returncode == 2
    assert "'tool' has judged" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_both_methods_judge_every_picture_and_a_second_call_takes_up_the_first(
    prepared, products, tmp_path
):
    pytest.importorskip("tensorflow")
    environment = {"CAPSULE_INSPECT_PRODUCTS": str(products)}
    small = ("model=efficientnet_lite0", "model.roi.width=64", "model.roi.height=64")
    done = run("baseline", prepared, "--set", *small, **environment)
    assert done.returncode == 0, done.stderr
    assert "tiles: a window of 32 x 96 px." in done.stderr  # of 48 x 96: 45 x 91
    short = ("model.members=1", "train.epochs=1", "train.steps=1", "train.batch_size=4")
    tool = ("tool", prepared, "tiles", 1, "--set", *small, *short)
    done = run(*tool, **environment)
    assert done.returncode == 0, done.stderr
    results = prepared / "tiles-1/tool/evaluation"
    stored = (results / "out_of_fold.csv").read_bytes()
    done = run(*tool, **environment)
    assert "is complete" in done.stderr
    (results / "out_of_fold.csv").unlink()  # as if the evaluation had been stopped
    done = run(*tool, **environment)
    assert done.returncode == 0, done.stderr
    assert (results / "out_of_fold.csv").read_bytes() == stored
    for seed in (2, 3):  # the table compares equal seeds
        for method in ("lda", "lda-threshold"):
            (prepared / f"tiles-{seed}" / method).rename(tmp_path / f"{seed}-{method}")
    done = run("table", prepared, "--against", "lda")
    assert done.returncode == 0, done.stderr
    assert len(cells(done.stdout, "tool - lda")) == 5
