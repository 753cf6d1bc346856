"""Coverage of the 95 % confidence intervals of `evaluate`, at the size of the study.

Usage: python benchmarks/interval_coverage.py

The study has 92 defective and 206 good pictures. Wilson's coverage is an exact sum of binomial
probabilities; the others are simulated from models with a known true value. Normal scores have a
standard deviation of 1 on good pictures; the table gives that on defective ones.

Intervals that fall short of the required coverage:

- Wilson's interval, in narrow bands where the true share p is so close to 1 (or, mirrored, to 0)
  that one, two or three failures just exclude it: .838 at p = 1 - 0.18/n, .895 at 1 - 0.55/n and
  .917 at 1 - 1.02/n (Brown, Cai and DasGupta, Statistical Science 16, 2001). Up to p = 1 - 1.1/n
  its coverage is at least .927.
- Newcombe's interval: .92 to .95 if the scores of defective pictures spread three times as wide as
  those of good ones. The AUROC then depends mostly on the defective pictures, which are fewer.
- The bootstrap of average precision only knows the rankings in its sample: the closer the ranking
  is to perfect, the more intervals end too high or shrink to the point 1.
- The bootstrap of a mean is too narrow for the about 18 pictures of one class.

The bootstrap of Dice and IoU over all pictures covers too often: it samples good and defective
pictures together, as if the number of each were random.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from coverage_models import (
    DEFECTIVE,
    GOOD,
    OverlapModel,
    Overlaps,
    ScoreModel,
    binormal,
    exponential,
    mirrored_exponential,
)
from rich import box
from rich.console import Console
from rich.table import Table
from simulate_coverage import (
    Coverage,
    average_precision_interval,
    cover_mean,
    cover_ranking,
    cover_shares,
    newcombe_interval,
    true_average_precision,
)

from capsule_inspect.evaluation.intervals import bootstrap_mean, wilson

REQUIRED = {"share": 0.92, "auroc": 0.93, "dice": 0.90, "iou": 0.90}
"""The least coverage required of an interval."""

_FOUND, _IOU = Overlaps(DEFECTIVE, 0.02, (8, 2.5)), Overlaps(DEFECTIVE, 0.03, (5, 3))
OVERLAP_MODELS = (
    OverlapModel("dice", "none missed", (Overlaps(DEFECTIVE, 0, (8, 2.5)),)),
    OverlapModel("dice", "2 % missed", (_FOUND,)),
    OverlapModel("dice", "5 % missed", (Overlaps(DEFECTIVE, 0.05, (5, 1.8)),)),
    OverlapModel("dice", "3 % missed, others alike", (Overlaps(DEFECTIVE, 0.03, (14, 5)),)),
    OverlapModel("dice", "U-shaped", (Overlaps(DEFECTIVE, 0.05, (0.4, 0.2)),)),
    OverlapModel("dice", "of one class, 5 % missed", (Overlaps(18, 0.05, (14, 5)),)),
    OverlapModel("dice", "all, 1 % false alarms", (_FOUND, Overlaps(GOOD, 0.01, None))),
    OverlapModel("dice", "all, 2 % false alarms", (_FOUND, Overlaps(GOOD, 0.02, None))),
    OverlapModel("iou", "3 % missed", (_IOU,)),
    OverlapModel("iou", "all, 2 % false alarms", (_IOU, Overlaps(GOOD, 0.02, None))),
)


def score_models(auroc: float) -> tuple[ScoreModel, ...]:
    """Returns all score models for a true AUROC."""
    normal = (binormal(auroc, spread) for spread in (0.5, 1, 1.5, 2, 3))
    return *normal, mirrored_exponential(auroc), exponential(auroc)


def cover_wilson() -> Iterator[Coverage]:
    """Computes the least and the mean coverage for shares from .8, to .995 and to 1 - 1.1/n."""
    shares = np.linspace(0.8, 0.995, 19_501)
    for n in (DEFECTIVE, GOOD, DEFECTIVE + GOOD):
        coverage = cover_shares(wilson, n, shares)
        for name, end in (("least, p to .995", 0.995), ("least, p to 1 - 1.1/n", 1 - 1.1 / n)):
            at = int(np.where(shares <= end, coverage, 1).argmin())
            yield Coverage("share", name, n, float(shares[at]), float(coverage[at]), 0)
        yield Coverage("share", "mean, p to .995", n, None, float(coverage.mean()), 0)


def cover_auroc(simulations: int) -> Iterator[Coverage]:
    """Simulates the coverage of Newcombe's interval for every score model."""
    for auroc in (0.95, 0.98, 0.995, 0.998):
        for model in score_models(auroc):
            coverage = cover_ranking(newcombe_interval, model, auroc, simulations)
            yield Coverage("auroc", model.name, DEFECTIVE + GOOD, auroc, coverage, simulations)


def cover_overlaps(simulations: int) -> Iterator[Coverage]:
    """Simulates the coverage of the bootstrap of mean Dice and IoU."""
    for model in OVERLAP_MODELS:
        coverage = cover_mean(bootstrap_mean, model, simulations)
        yield Coverage(model.metric, model.name, model.n, model.mean, coverage, simulations)


def cover_average_precision(simulations: int) -> Iterator[Coverage]:
    """Simulates the coverage of the bootstrap of average precision."""
    for auroc in (0.95, 0.995, 0.998):
        for model in (binormal(auroc, 1), exponential(auroc)):
            true = true_average_precision(model)
            coverage = cover_ranking(average_precision_interval, model, true, simulations)
            name = f"{model.name}, AUROC {auroc:g}"
            yield Coverage("average_precision", name, DEFECTIVE + GOOD, true, coverage, simulations)


def tabulate(rows: Iterable[Coverage]) -> Table:
    """Returns a table of coverages; it marks those below the required one."""
    table = Table("interval", "model", box=box.SIMPLE_HEAD)
    for name in ("n", "true", "coverage", "required", "simulations"):
        table.add_column(name, justify="right")
    for row in rows:
        least = REQUIRED.get(row.interval)
        table.add_row(
            row.interval,
            row.model,
            str(row.n),
            "" if row.true is None else f"{row.true:.4f}",
            f"{row.coverage:.3f}",
            "" if least is None else f"{'below ' if row.coverage < least else ''}{least:.2f}",
            str(row.simulations) if row.simulations else "exact",
        )
    return table


def main() -> None:
    """Prints the table, in about two minutes."""
    rows = (
        *cover_wilson(),
        *cover_auroc(10_000),
        *cover_overlaps(1500),
        *cover_average_precision(200),
    )
    Console(width=110).print(tabulate(rows))


if __name__ == "__main__":
    main()
