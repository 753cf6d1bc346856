"""Where the scheduler and the client of a cluster saturate: hundreds of workers that only sleep.

Usage: python benchmarks/cluster_simulation.py [WORKERS]...      (10 40 160)

The scheduler is a real one in a process of its own, and the client is that of `predict`: it cuts
and sends chunks, takes their results and puts them in order. Workers are real ones, too, but many
share a process, and a picture is a sleep as long as its inspection takes, with the rows of a real
one as its result. So a machine of two cores can play a cluster. Nothing is written to the disk.

The times are those on a core. Where the scheduler or the client fills a whole core, the cluster
takes no more; the last columns say at what rate that is. That of the workers counts here alone:
many of them share a core, which limits the rate first.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import cv2
import psutil
import typer
from distributed import Client, Worker
from rich.console import Console
from rich.table import Table

from capsule_inspect.choices import DEFAULT_RUNTIME
from capsule_inspect.cluster.chunks import OnWorkers, Task, chunk_size
from capsule_inspect.cluster.worker import Order, installed_stack
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.inference.inputs import InputPicture, PictureFile
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import load
from capsule_inspect.inference.picture_results import PictureResults, inspect_one
from capsule_inspect.reporter import SILENT

SECONDS = 10
"""How long each number of workers works, if nothing saturates."""

HOSTS = 2
"""Processes that hold the workers."""


def pretend(seconds: float, example: PictureResults) -> Task:
    """Returns what stands for `inspect_chunk`.

    Args:
        seconds: How long it sleeps for each picture.
        example: What it returns for each.
    """

    async def sleep(_order: Order, pictures: Sequence[InputPicture]) -> list[PictureResults]:
        await asyncio.sleep(seconds * len(pictures))
        return [example] * len(pictures)

    return sleep


@dataclass(frozen=True)
class Load:
    """What one number of workers did, and what it cost.

    Attributes:
        tasks: Chunks.
        pictures: Pictures.
        wall: Seconds.
        scheduler: Seconds of a core that the scheduler took.
        client: Seconds of a core that the client took.
        hosts: Seconds of a core that the processes of the workers took.
    """

    tasks: int
    pictures: int
    wall: float
    scheduler: float
    client: float
    hosts: float


def main(
    workers: Annotated[list[int] | None, typer.Argument()] = None,
    work: Annotated[float, typer.Option(help="Seconds that a picture takes a worker.")] = 0.05,
) -> None:
    """Prints the table."""
    table = Table("workers", title=f"Workers that take {work:g} s per picture")
    for title in (
        *("pictures/s", "share of what they could", "tasks/s"),
        *("scheduler, ms/task", "client, ms/task", "workers, ms/task"),
        *("scheduler's limit, pictures/s", "client's limit, pictures/s"),
    ):
        table.add_column(title, justify="right")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task = pretend(work, _example(folder))
        for count in workers or (10, 40, 160):
            load_of = _measure(folder / str(count), count, work, task)
            per_task = load_of.pictures / load_of.tasks
            rate = load_of.pictures / load_of.wall
            table.add_row(
                str(count),
                f"{rate:.0f}",
                f"{rate * work / count:.2f}",
                f"{load_of.tasks / load_of.wall:.0f}",
                f"{load_of.scheduler / load_of.tasks * 1000:.2f}",
                f"{load_of.client / load_of.tasks * 1000:.2f}",
                f"{load_of.hosts / load_of.tasks * 1000:.2f}",
                f"{load_of.tasks / load_of.scheduler * per_task:.0f}",
                f"{load_of.tasks / load_of.client * per_task:.0f}",
            )
    Console().print(table)


def _measure(folder: Path, workers: int, work: float, task: Task) -> Load:
    count = round(workers * SECONDS / work)
    pictures = [PictureFile(Path(f"/shared/{n:08}.jpg"), f"{n:08}.jpg") for n in range(count)]
    with _cluster(folder, workers) as (address, processes):
        client = Client(address, set_as_default=False)
        client.wait_for_workers(workers, timeout=60)
        options = InspectOptions("none")
        order = Order("0" * 64, None, DEFAULT_RUNTIME, 1, installed_stack("auto"), options)
        before, begun = _cpu(processes), time.perf_counter()
        inspect_all = OnWorkers(client, order, SILENT, task)
        done = sum(1 for _ in inspect_all(pictures, PictureResults.without_pictures))
        wall = time.perf_counter() - begun
        scheduler, *hosts, client_process = (
            after - earlier for after, earlier in zip(_cpu(processes), before, strict=True)
        )
        client.close()
    size = chunk_size(count, workers, options)
    return Load(-(-done // size), done, wall, scheduler, client_process, sum(hosts))


def _cpu(processes: Sequence[psutil.Process]) -> list[float]:
    """Returns the seconds of a core that each process has taken."""
    return [sum(process.cpu_times()[:2]) for process in processes]


def _example(folder: Path) -> PictureResults:
    """Returns the rows of a drawn picture, without overlay."""
    file = folder / "example.png"
    picture = draw_capsule("poke", (1, 1), 600).picture
    file.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    results = inspect_one(load(), PictureFile(file, file.name), InspectOptions("none"))
    return replace(results, inspected=replace(results.inspected, findings=()))


@contextmanager
def _cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Yields the address of a scheduler with so many workers, and the processes.

    These are the scheduler, those that hold the workers, and this one.
    """
    folder.mkdir()
    place = folder / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
    command += ["--port", "0", "--no-dashboard", "--scheduler-file", str(place)]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen(command, **quiet)]
    try:
        while not place.exists() or not place.read_text(encoding="ascii"):
            time.sleep(0.1)
        for host in range(HOSTS):
            share = len(range(host, workers, HOSTS))
            host_command = [sys.executable, __file__, "--host", str(place), str(share)]
            running.append(subprocess.Popen(host_command, **quiet))
        address = json.loads(place.read_text(encoding="ascii"))["address"]
        yield address, [*(psutil.Process(each.pid) for each in running), psutil.Process()]
    finally:
        for each in reversed(running):
            each.kill()
            each.wait()


async def _hold_workers(place: str, count: int) -> None:
    """Holds workers of one thread each, until this process is killed."""
    folder = str(Path(place).parent / "scratch")
    workers = [
        Worker(scheduler_file=place, nthreads=1, local_directory=folder, memory_limit=0)
        for _ in range(count)
    ]
    await asyncio.gather(*workers)
    await asyncio.gather(*(worker.finished() for worker in workers))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--host"]:
        asyncio.run(_hold_workers(sys.argv[2], int(sys.argv[3])))
    else:
        typer.run(main)
