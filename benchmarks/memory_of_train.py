"""Peak memory of `train` on many pictures, and the size of its cache.

Usage: python benchmarks/memory_of_train.py [COUNT [SETTING...]]      (10000, the defaults)

All pictures are drawn, 400 pixels wide, each another one. `train.epochs=1` and the like shorten the
run; the memory hardly depends on it.
"""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from memory import peak
from rich.console import Console

from capsule_inspect.dataset.prepare import DRAWN, prepare_dataset
from capsule_inspect.settings.groups import DataSettings

_SIZE = 400


def main(
    count: Annotated[int, typer.Argument()] = 10_000,
    settings: Annotated[list[str] | None, typer.Argument()] = None,
) -> None:
    """Prints the peak."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare_dataset(
            DRAWN, folder / "data", DataSettings(count=count, size=_SIZE, val=0.1, test=0)
        )
        cache = folder / "cache"
        data = ("--data", folder / "data", f"train.cache={cache}")
        reached = peak("train", "-o", folder / "run", *data, *(settings or []))
        stored = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    Console().print(
        f"train on {count} pictures: {reached:.0f} MiB at most; the cache holds "
        f"{stored / 1e9:.1f} GB."
    )


if __name__ == "__main__":
    typer.run(main)
