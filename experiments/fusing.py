"""The normality score beside the supervised one: does it lower misses at no more false alarms?

For each fold of each fold seed, a normality network learns from the good pictures of the other
folds, and scores the pictures of the fold. A logistic regression of both scores, fitted on the
other folds' out-of-fold scores, makes one of them; the tool's own policy chooses the threshold on
the same folds. So nothing is chosen on a picture that it is measured on.

Usage:
    python experiments/fusing.py score OUT [--study FILE]
    python experiments/fusing.py table OUT [--study FILE]

`score` takes up what it finds in OUT, so it can be stopped and called again.
"""

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from other_products import hold_out
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression

from capsule_inspect import evaluate, prepare, train
from capsule_inspect.choices import GOOD
from capsule_inspect.cli.console import Terminal
from capsule_inspect.dataset.data_set import write_dataset
from capsule_inspect.errors import CapsuleInspectError
from capsule_inspect.evaluation.cross_validation import OutOfFold, read_out_of_fold
from capsule_inspect.evaluation.judge import Evidence
from capsule_inspect.evaluation.operating_point import cross_fit, is_alarm
from capsule_inspect.settings.groups import ThresholdSettings

PICTURES = "CAPSULE_INSPECT_DATA"
STUDY = Path(__file__).parent / "cross_validation_int8" / "out_of_fold.csv"
"""The supervised predictions to set the normality score beside."""

Floats = NDArray[np.float64]


def score_folds(rows: Sequence[OutOfFold], out: Path, say: Terminal) -> None:
    """Scores the pictures of each fold of each seed, unless that is done."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        data = prepare(
            os.environ[PICTURES], Path(scratch) / "data", page=False, skip_bad=True, reporter=say
        ).data
        for seed, fold in sorted({(row.seed, row.fold) for row in rows}):
            table = out / f"{seed}-{fold}.csv"
            if table.is_file():
                continue
            own = {r.judgement.path for r in rows if (r.seed, r.fold) == (seed, fold)}
            folder = Path(scratch) / f"{seed}-{fold}"
            write_dataset(folder / "data", hold_out(data, own))
            wanted = ["experiment=good_only", f"train.seed={seed}"]
            train(folder / "data", out=folder / "run", overrides=wanted, reporter=say)
            evaluate(folder / "run", folder / "data", out=folder / "evaluation", reporter=say)
            part = table.with_suffix(".part")
            part.write_bytes((folder / "evaluation" / "pictures.csv").read_bytes())
            part.rename(table)


def read_normality(out: Path, seed: int, fold: int) -> dict[str, float]:
    """Returns the log odds of an anomaly by the path of each picture of a fold."""
    with (out / f"{seed}-{fold}.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["path"]: log_odds(float(row["p_good"])) for row in csv.DictReader(file)}


def log_odds(p_good: float) -> float:
    """Returns the log odds of a defect."""
    return float(np.log(max(1 - p_good, 1e-12)) - np.log(max(p_good, 1e-12)))


Fuse = Callable[[Floats, Sequence[Floats], Sequence[NDArray[np.bool_]], int], Floats]
"""Makes one score of both for a fold: takes the scores [n, 2] of the fold, those of all folds,
which pictures are defective, and the number of the fold."""


def supervised_alone(own: Floats, *_: object) -> Floats:
    """Takes the supervised score."""
    return own[:, 0]


def normality_alone(own: Floats, *_: object) -> Floats:
    """Takes the normality score."""
    return own[:, 1]


def regressed(
    own: Floats, scores: Sequence[Floats], defective: Sequence[NDArray[np.bool_]], fold: int
) -> Floats:
    """Weighs both scores by a logistic regression on the other folds."""
    others = [place for place in range(len(scores)) if place != fold]
    fitted = LogisticRegression(C=1.0).fit(
        np.concatenate([scores[place] for place in others]),
        np.concatenate([defective[place] for place in others]),
    )
    return np.asarray(fitted.decision_function(own), np.float64)


def highest(
    own: Floats, scores: Sequence[Floats], defective: Sequence[NDArray[np.bool_]], fold: int
) -> Floats:
    """Takes the higher of both, each in standard deviations above the other folds' good ones."""
    others = [place for place in range(len(scores)) if place != fold]
    good = np.concatenate([scores[place][~defective[place]] for place in others])
    return np.asarray(((own - good.mean(axis=0)) / good.std(axis=0)).max(axis=1), np.float64)


METHODS: Mapping[str, Fuse] = {
    "supervised": supervised_alone,
    "normality": normality_alone,
    "logistic regression of both": regressed,
    "the higher of both": highest,
}


def alarms(
    fused: Sequence[Floats], defective: Sequence[NDArray[np.bool_]], wanted: ThresholdSettings
) -> list[NDArray[np.bool_]]:
    """Returns which pictures of each fold are called defective, by thresholds of other folds."""
    parts = [
        [
            Evidence(int(bad), -np.logaddexp(0, np.array([score, -score])), None)
            for score, bad in zip(scores, truth, strict=True)
        ]
        for scores, truth in zip(fused, defective, strict=True)
    ]
    points = cross_fit(parts, wanted, "the other folds").points
    return [
        np.array([is_alarm(each, point) for each in part])
        for part, point in zip(parts, points, strict=True)
    ]


def tabulate(rows: Sequence[OutOfFold], out: Path) -> Table:
    """Measures each method, pooled over the folds of the seeds that are complete."""
    folds = sorted({row.fold for row in rows})
    seeds = [
        seed
        for seed in sorted({row.seed for row in rows})
        if all((out / f"{seed}-{fold}.csv").is_file() for fold in folds)
    ]
    title = f"pooled over fold seeds {', '.join(map(str, seeds))}"
    table = Table("method", "policy", "misses", "false alarms", "AUROC", title=title)
    for policy in (ThresholdSettings("best_f1"), ThresholdSettings("max_miss_rate", 0.02)):
        for name, fuse in METHODS.items():
            missed, alarmed, ranks = [], [], []
            for seed in seeds:
                scores, defective = [], []
                for fold in folds:
                    normality = read_normality(out, seed, fold)
                    own = [r.judgement for r in rows if (r.seed, r.fold) == (seed, fold)]
                    both = [[log_odds(j.probabilities[0]), normality[j.path]] for j in own]
                    scores.append(np.array(both))
                    defective.append(np.array([j.truth != GOOD for j in own]))
                fused = [fuse(own, scores, defective, n) for n, own in enumerate(scores)]
                called = np.concatenate(alarms(fused, defective, policy))
                bad, pooled = np.concatenate(defective), np.concatenate(fused)
                missed += list(~called[bad])
                alarmed += list(called[~bad])
                ranks.append(np.mean(pooled[bad][:, None] > pooled[~bad]))
            table.add_row(
                name,
                policy.policy,
                f"{np.mean(missed):.4f} ({sum(missed)} of {len(missed)})",
                f"{np.mean(alarmed):.4f} ({sum(alarmed)} of {len(alarmed)})",
                f"{np.mean(ranks):.4f}",
            )
    return table


def main() -> None:
    """Runs one of the steps."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("step", choices=("score", "table"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--study", type=Path, default=STUDY)
    asked = parser.parse_args()
    rows = read_out_of_fold(asked.study)[0]
    if asked.step == "score":
        score_folds(rows, asked.out, Terminal())
    else:
        Console().print(tabulate(rows, asked.out))


if __name__ == "__main__":
    try:
        main()
    except CapsuleInspectError as error:
        sys.exit(str(error))
