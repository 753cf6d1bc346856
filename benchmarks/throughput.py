"""Pictures per second of `predict`, compared to an upper bound.

Usage: python benchmarks/throughput.py [COUNT [ROUNDS]]      (200 pictures, 3 rounds)

For the bound, the same number of threads only decode pictures, run the network and, with overlays,
encode a picture. Both take turns in one process; the table holds medians.
"""

import shutil
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from pictures import make_pictures
from rich.console import Console
from rich.table import Table
from timing import seconds

from capsule_inspect.choices import OverlayChoice as Overlays
from capsule_inspect.imaging.encode import encode_picture
from capsule_inspect.imaging.picture import MAX_PIXELS
from capsule_inspect.imaging.read import decode_picture
from capsule_inspect.inference.batch import inspect_batch, map_in_order, run_settings
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import Inspector, load
from capsule_inspect.inference.results_folder import open_results


@dataclass(frozen=True)
class Case:
    """One combination of pictures and options.

    Attributes:
        inspector: The inspector.
        pictures: The files.
        overlays: The pictures that get an overlay.
        jobs: Number of pictures to process at a time.
    """

    inspector: Inspector
    pictures: Sequence[InputPicture]
    overlays: Overlays
    jobs: int

    def run_bound(self) -> None:
        """Does only what any program would have to do."""
        for _ in map_in_order(self._bound, self.pictures, self.jobs):
            pass

    def run_batch(self, out: Path) -> None:
        """Does what `predict` does."""
        options = InspectOptions(self.overlays)
        with open_results(out, run_settings(self.inspector, options)) as results:
            inspect_batch(self.inspector, self.pictures, results, options, jobs=self.jobs)

    def _bound(self, source: InputPicture) -> None:
        roi = self.inspector.roi
        picture = decode_picture(source.read(MAX_PIXELS), "a picture").pixels
        self.inspector.run(np.zeros((roi.height, roi.width, 3), np.uint8))
        if self.overlays == "all":
            encode_picture(picture)


def main(
    count: Annotated[int, typer.Argument()] = 200, rounds: Annotated[int, typer.Argument()] = 3
) -> None:
    """Prints the table."""
    inspector = load()
    table = Table("files", "overlays", "jobs", title=f"{count} pictures of 1000 x 1000 pixels")
    for title in ("bound, 1/s", "predict, 1/s", "share of the bound"):
        table.add_column(title, justify="right")
    choices: tuple[Overlays, ...] = ("none", "all")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("jpg", "png"):
            pictures = make_pictures(folder / kind, kind, count)
            for overlays, jobs in product(choices, (1, 2)):
                case = Case(inspector, pictures, overlays, jobs)
                bounds, batches = [], []
                for turn in range(rounds):
                    out = folder / f"out-{kind}-{overlays}-{jobs}-{turn}"
                    bounds.append(seconds(case.run_bound))
                    batches.append(seconds(partial(case.run_batch, out)))
                    shutil.rmtree(out)
                share = statistics.median(b / o for b, o in zip(bounds, batches, strict=True))
                rates = (f"{count / statistics.median(times):.1f}" for times in (bounds, batches))
                table.add_row(kind, overlays, str(jobs), *rates, f"{share:.2f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
