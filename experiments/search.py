"""Judges ideas for accuracy in cross-validations, paired by picture against the default.

Usage:
    python experiments/search.py train DATA OUT [--idea NAME ...] [--seeds 0]
    python experiments/search.py compare OUT > experiments/search.csv

DATA is a data set folder of `capsule-inspect prepare`. `train` trains a 5-fold study for each idea
and fold seed with the package's own commands, and judges each picture with the network that has not
seen it; an interrupted one resumes. `compare` prints a row for each idea: the metrics pooled over
the fold seeds, and the differences to the default with 95 % bootstrap intervals over pictures.
"""

import argparse
import csv
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DEFAULT = "default"
ONE_CYCLE = ("train.schedule=one_cycle", "train.learning_rate=4e-3", "train.average_momentum=0.99")
CLEAN = ("train.augment.compress=0", "train.augment.noise=0")
IDEAS: dict[str, tuple[str, ...]] = {
    DEFAULT: (),
    "lite0": ("model=efficientnet_lite0",),
    "lite1": ("model=efficientnet_lite1",),
    "unet": ("model.decoder=unet", "model.decoder_filters=[192,96,64]"),
    "wide decoder": ("model.decoder_filters=[192,128]",),
    "narrow decoder": ("model.decoder_filters=[96,64]",),
    "600 steps": ("train.epochs=6",),
    "1,500 steps": ("train.epochs=15",),
    "3,000 steps": ("train.epochs=30",),
    "dropout .1": ("model.decoder_dropout=0.1",),
    "no transplants": ("train.transplant=0",),
    "no drawn capsules": ("train.drawn=0",),
    "one cycle": ONE_CYCLE,
    "one cycle, clean": (*ONE_CYCLE, *CLEAN),
    "learning rate 4e-3": ("train.learning_rate=4e-3",),
    "noise and JPEG .3": ("train.augment.compress=0.3", "train.augment.noise=0.3"),
    "no JPEG or noise": CLEAN,
    "mask at stride 1": ("model.mask_stride=1",),
    "mask at stride 2": ("model.mask_stride=2",),
    "one member, mask at stride 2": ("model.members=1", "model.mask_stride=2"),
    "two members": ("model.members=2",),
    "shrinkage .1": ("model.head_shrinkage=0.1",),
    "shrinkage .5": ("model.head_shrinkage=0.5",),
    "views head": ("model.head=views",),
    "defect weight 1": ("train.defect_weight=1",),
}
"""The ideas, as overrides of the default recipe."""

BOOTSTRAPS = 2000
METRICS = ("accuracy", "defect_only", "presence", "dice", "iou", "misses", "false_alarms")


@dataclass(frozen=True)
class Judged:
    """The measures of each picture under one idea, float64 [pictures], NaN where one has none."""

    values: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, rows: Sequence[dict[str, str]]) -> "Judged":
        """Reads rows of `out_of_fold.csv`."""
        truth = np.array([row["truth"] for row in rows])
        label = np.array([row["label"] for row in rows])
        defective, alarm = truth != "good", label != "good"
        right = (truth == label).astype(np.float64)
        overlap = {
            name: np.array([float(row[name] or "nan") for row in rows]) for name in ("dice", "iou")
        }
        return cls(
            {
                "accuracy": right,
                "defect_only": np.where(defective, right, np.nan),
                "presence": (defective == alarm).astype(np.float64),
                "dice": np.where(defective, overlap["dice"], np.nan),
                "iou": np.where(defective, overlap["iou"], np.nan),
                "misses": np.where(defective, ~alarm, np.nan).astype(np.float64),
                "false_alarms": np.where(defective, np.nan, alarm).astype(np.float64),
            }
        )


def train(data: Path, out: Path, ideas: Iterable[str], seeds: Iterable[int]) -> None:
    """Trains and judges the studies that are not finished."""
    for seed in seeds:
        for idea in ideas:
            study, judged = _study(out, idea, seed), _judged(out, idea, seed)
            if judged.is_file():
                continue
            if (study / "config.yaml").is_file():
                _run("train", "--resume", str(study))
            else:
                options = ("train.folds=5", f"train.seed={seed}", *IDEAS[idea])
                _run("train", "-o", str(study), "--data", str(data), *options)
            shutil.rmtree(judged.parent, ignore_errors=True)  # of an interrupted evaluation
            _run("evaluate", str(study), "-o", str(judged.parent), "--data", str(data))


def compare(out: Path) -> None:
    """Prints a row for each idea that has the fold seeds of the default."""
    seeds = [seed for seed in range(100) if _judged(out, DEFAULT, seed).is_file()]
    base = _read(out, DEFAULT, seeds)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    columns = [f"{name}{part}" for name in METRICS for part in ("", "_change", "_low", "_high")]
    writer.writerow(["idea", "seeds", *columns])
    for idea in IDEAS:
        if all(_judged(out, idea, seed).is_file() for seed in seeds):
            other = _read(out, idea, seeds)
            cells = [cell for name in METRICS for cell in _cells(base, other, name)]
            writer.writerow([idea, " ".join(map(str, seeds)), *cells])


def _cells(base: Judged, other: Judged, name: str) -> list[str]:
    """Returns the value of a metric, its change, and the interval of the change."""
    before, after = base.values[name], other.values[name]
    change = after - before
    draws = np.random.default_rng(0).integers(len(change), size=(BOOTSTRAPS, len(change)))
    means = np.nanmean(change[draws], axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return [f"{value:.4f}" for value in (np.nanmean(after), np.nanmean(change), low, high)]


def _read(out: Path, idea: str, seeds: Sequence[int]) -> Judged:
    """Returns the mean over fold seeds of each picture's measures."""
    parts = []
    for seed in seeds:
        with _judged(out, idea, seed).open(newline="", encoding="utf-8") as stream:
            rows = sorted(csv.DictReader(stream), key=lambda row: row["sha256"])
        parts.append(Judged.of(rows).values)
    return Judged({name: np.mean([part[name] for part in parts], axis=0) for name in METRICS})


def _study(out: Path, idea: str, seed: int) -> Path:
    return out / idea.replace(" ", "-") / f"seed-{seed}"


def _judged(out: Path, idea: str, seed: int) -> Path:
    return out / idea.replace(" ", "-") / f"seed-{seed}-judged" / "out_of_fold.csv"


def _run(*arguments: str) -> None:
    command = [sys.executable, "-m", "capsule_inspect", *arguments]
    subprocess.run(command, check=True)  # noqa: S603  (the arguments are our own)


def main() -> None:
    """Runs a command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="train and judge studies")
    training.add_argument("data", type=Path)
    training.add_argument("out", type=Path)
    training.add_argument("--idea", nargs="+", choices=IDEAS, default=list(IDEAS))
    training.add_argument("--seeds", nargs="+", type=int, default=[0])
    comparing = commands.add_parser("compare", help="print a table of the studies")
    comparing.add_argument("out", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "train":
        train(arguments.data, arguments.out, arguments.idea, arguments.seeds)
    else:
        compare(arguments.out)


if __name__ == "__main__":
    main()
