"""Peak memory of `predict` by the number of pictures.

Usage: python benchmarks/memory.py [COUNT...]      (10, 100 and 1000)
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from pictures import make_pictures
from rich.console import Console
from rich.table import Table

KIB_PER_MIB = 1024  # the kernel counts in KiB
START_AND_MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def main(counts: Annotated[list[int] | None, typer.Argument()] = None) -> None:
    """Prints the table."""
    table = Table("pictures", title="Peak resident memory of predict, MiB, JPEG of 1000 x 1000")
    kinds = {
        "1 job, rows alone": ("-j", "1", "--overlays", "none"),
        "1 job, overlays": ("-j", "1"),
        "2 jobs, rows alone": ("-j", "2", "--overlays", "none"),
        "2 jobs, overlays": ("-j", "2"),
    }
    for title in kinds:
        table.add_column(title, justify="right")
    for count in counts or (10, 100, 1000):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_pictures(folder / "in", "jpg", count)
            peaks = [
                f"{peak('predict', folder / 'in', '-o', folder / title, '-q', *options):.0f}"
                for title, options in kinds.items()
            ]
        table.add_row(str(count), *peaks)
    Console().print(table)


def peak(*arguments: object) -> float:
    """Returns the peak memory of one command, in MiB."""
    command = [sys.executable, "-m", "capsule_inspect", *map(str, arguments)]
    # A process inherits the peak of its parent, so a small process starts it.
    run = [sys.executable, "-c", START_AND_MEASURE, *command]
    done = subprocess.run(run, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout) / KIB_PER_MIB


if __name__ == "__main__":
    typer.run(main)
