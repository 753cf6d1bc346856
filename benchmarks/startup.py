"""Time of a cold process until its help or first result.

Usage: python benchmarks/startup.py [ROUNDS]      (20)
"""

import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pictures import make_pictures
from rich.console import Console
from rich.table import Table
from timing import seconds


def main(rounds: Annotated[int, typer.Argument()] = 20) -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (png,) = make_pictures(folder / "png", "png", 1)
        (jpg,) = make_pictures(folder / "jpg", "jpg", 1)
        commands = {
            "import NumPy and OpenCV": ["-c", "import cv2"],
            "--help": ["-m", "capsule_inspect", "--help"],
            "predict --help": ["-m", "capsule_inspect", "predict", "--help"],
            "predict, one JPEG": ["-m", "capsule_inspect", "predict", str(jpg.path)],
            "predict, one PNG": ["-m", "capsule_inspect", "predict", str(png.path)],
        }
        times: dict[str, list[float]] = {title: [] for title in commands}
        for turn in range(rounds):
            for number, (title, command) in enumerate(commands.items()):
                out = ["-o", str(folder / f"{turn}-{number}")] if "one" in title else []
                process = [sys.executable, *command, *out]
                run = partial(subprocess.run, process, check=True, capture_output=True)
                times[title].append(seconds(run))
    table = Table("process", title=f"Wall time of {rounds} cold processes each, s")
    table.add_column("median", justify="right")
    table.add_column("least", justify="right")
    for title, taken in times.items():
        table.add_row(title, f"{statistics.median(taken):.2f}", f"{min(taken):.2f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
