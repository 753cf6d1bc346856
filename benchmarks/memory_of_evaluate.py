"""Peak memory of `evaluate` on many small pictures.

Usage: python benchmarks/memory_of_evaluate.py [COUNT [MODEL]]      (20000, the shipped model)

A hundredth of the pictures are drawn, 200 pixels wide; the others are links to them.
"""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from memory import peak
from rich.console import Console

from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.dataset.data_set import read_dataset, write_dataset
from capsule_inspect.dataset.prepare import DRAWN, prepare_dataset
from capsule_inspect.settings.groups import DataSettings

_COPIES = 100


def main(
    count: Annotated[int, typer.Argument()] = 20_000,
    model: Annotated[Path, typer.Argument()] = SHIPPED_MODEL,
) -> None:
    """Prints the peak."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder / "data", count)
        data = ("--data", folder / "data", "--split", "test")
        reached = peak("evaluate", model, *data, "-o", folder / "out")
        page = (folder / "out/report.html").stat().st_size
    Console().print(
        f"evaluate of {count} pictures: {reached:.0f} MiB at most; report.html has "
        f"{page / 1e6:.1f} MB."
    )


def make_data(folder: Path, count: int) -> None:
    """Makes a data set whose test split has so many pictures."""
    settings = DataSettings(count=max(1, count // _COPIES), size=200, seed=1, val=0, test=0)
    drawn = prepare_dataset(DRAWN, folder, settings).data
    samples = []
    for copy in range(_COPIES):
        for sample in drawn.samples:
            path = f"{copy:03}/{sample.path}"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            os.link(folder / sample.path, folder / path)
            samples.append(replace(sample, path=path, split="test"))
    write_dataset(folder, replace(drawn, samples=tuple(samples)))
    if len(read_dataset(folder).samples) != len(samples):
        raise AssertionError("the data set holds other pictures than were linked")


if __name__ == "__main__":
    typer.run(main)
