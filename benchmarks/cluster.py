"""Pictures per second of two worker processes of a cluster, compared to two threads.

Usage: python benchmarks/cluster.py [COUNT [ROUNDS]]      (200 pictures, 3 rounds)

Scheduler, client and workers are on this machine and share its cores, so this is the price of
sending pictures' results around. Both ways take turns; the table holds medians, the time on a core
that this process took as client, scheduler and writer, and the most memory that a worker took.
Starting and loading the model are not counted.
"""

import shutil
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import psutil
import typer
from pictures import make_pictures
from rich.console import Console
from rich.table import Table
from timing import seconds

from capsule_inspect.choices import DEFAULT_RUNTIME, SHIPPED_MODEL, OverlayChoice
from capsule_inspect.cluster.chunks import on_workers
from capsule_inspect.cluster.connect import LOCAL
from capsule_inspect.cluster.worker import Order, installed_stack
from capsule_inspect.files import hash_file
from capsule_inspect.inference.batch import (
    InspectAll,
    inspect_batch,
    inspect_in_threads,
    run_settings,
)
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import load
from capsule_inspect.inference.results_folder import open_results
from capsule_inspect.reporter import SILENT

JOBS = 2


def main(
    count: Annotated[int, typer.Argument()] = 200, rounds: Annotated[int, typer.Argument()] = 3
) -> None:
    """Prints the table."""
    inspector = load()
    table = Table("files", "overlays", title=f"{count} pictures of 1000 x 1000 pixels, {JOBS} jobs")
    for title in (
        *("threads, 1/s", "workers, 1/s", "share"),
        *("client, ms/picture", "worker, MiB at most"),
    ):
        table.add_column(title, justify="right")
    choices: tuple[OverlayChoice, ...] = ("none", "all")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = make_pictures(folder / "jpg", "jpg", count)

        def run(inspect_all: InspectAll, options: InspectOptions) -> None:
            out = folder / "out"
            with open_results(out, run_settings(inspector, options)) as results:
                inspect_batch(inspector, pictures, results, options, inspect_all=inspect_all)
            shutil.rmtree(out)

        for overlays in choices:
            options = InspectOptions(overlays)
            threads, workers, client = [], [], 0.0
            in_threads = inspect_in_threads(inspector, options, JOBS)
            stack = installed_stack(DEFAULT_RUNTIME)
            order = Order(hash_file(SHIPPED_MODEL), None, DEFAULT_RUNTIME, 1, stack, options)
            with on_workers(LOCAL, SHIPPED_MODEL, order, JOBS, SILENT) as on_cluster:
                run(on_cluster, options)  # they load the model now
                for _ in range(rounds):
                    threads.append(seconds(partial(run, in_threads, options)))
                    begun = time.process_time()
                    workers.append(seconds(partial(run, on_cluster, options)))
                    client += time.process_time() - begun
                peak = max(_peaks())
            share = statistics.median(t / w for t, w in zip(threads, workers, strict=True))
            rates = (f"{count / statistics.median(times):.1f}" for times in (threads, workers))
            table.add_row(
                "jpg",
                overlays,
                *rates,
                f"{share:.2f}",
                f"{client / count / rounds * 1000:.2f}",
                f"{peak:.0f}",
            )
    Console().print(table)


def _peaks() -> list[float]:
    """Returns the most resident memory, in MiB, that each child of this process had."""
    found = []
    for child in psutil.Process().children(recursive=True):
        lines = Path(f"/proc/{child.pid}/status").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
    return found


if __name__ == "__main__":
    typer.run(main)
