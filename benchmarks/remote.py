"""Pictures per second of `predict s3://…` over a slow network that fails at times.

Usage: python benchmarks/remote.py [COUNT [ROUNDS [LATENCY [FAILING]]]]    (200, 3, 0.2 s, 0.05)

An S3 API stands on this machine, behind a network in which each answer takes LATENCY seconds and a
share of the requests fails. It takes its time from the same cores, and the table says how much; a
store elsewhere takes none. Local pictures and those elsewhere take turns; the table holds medians.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pictures import make_pictures
from rich.console import Console
from rich.table import Table
from timing import seconds

from capsule_inspect.inference.batch import inspect_batch, run_settings
from capsule_inspect.inference.cores import available_cores
from capsule_inspect.inference.inputs import InputPicture, expand_inputs
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import Inspector, load
from capsule_inspect.inference.results_folder import open_results

PLACE = "s3://bucket/line"


@dataclass(frozen=True)
class InTurn:
    """A picture elsewhere that is read when its turn comes, as those of other kinds are."""

    picture: InputPicture

    @property
    def path(self) -> str:
        """Its address."""
        return self.picture.path

    @property
    def name(self) -> str:
        """The name of its results."""
        return self.picture.name

    def read(self, max_pixels: int) -> bytes:
        """Reads it."""
        return self.picture.read(max_pixels)


@contextmanager
def slow_store(latency: float, failing: float) -> Iterator[int]:
    """Starts a store in a process of its own; yields the process."""
    script = Path(__file__).with_name("slow_store.py")
    command = [sys.executable, str(script), str(latency), str(failing)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            if process.stdout is None:
                raise SystemExit("The store has no stdout.")
            os.environ["AWS_ENDPOINT_URL"] = process.stdout.readline().strip()
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                os.environ[name] = "made-up"
            os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
            yield process.pid
        finally:
            process.terminate()


def upload(files: Sequence[Path]) -> None:
    """Puts files into the store."""
    import fsspec

    system = fsspec.filesystem("s3")
    system.makedirs("bucket", exist_ok=True)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda file: system.put_file(str(file), f"bucket/line/{file.name}"), files))


def cpu_seconds(pid: int) -> float:
    """Returns the processor time that a process has taken."""
    after_name = re.sub(r".*\) ", "", Path(f"/proc/{pid}/stat").read_text()).split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def run(inspector: Inspector, pictures: Sequence[InputPicture], jobs: int, out: Path) -> None:
    """Inspects pictures as `predict --overlays none` does."""
    options = InspectOptions(overlays="none")
    with open_results(out, run_settings(inspector, options)) as results:
        summary = inspect_batch(inspector, pictures, results, options, jobs=jobs)
    if summary.errors:
        raise SystemExit(f"{summary.errors} pictures could not be read.")
    shutil.rmtree(out)


def main(
    count: Annotated[int, typer.Argument()] = 200,
    rounds: Annotated[int, typer.Argument()] = 3,
    latency: Annotated[float, typer.Argument()] = 0.2,
    failing: Annotated[float, typer.Argument()] = 0.05,
) -> None:
    """Prints the table."""
    inspector, jobs = load(), available_cores()
    with tempfile.TemporaryDirectory() as name, slow_store(latency, failing) as store:
        local = make_pictures(Path(name) / "in", "jpg", count)
        upload([Path(each.path) for each in local])
        remote = expand_inputs([f"{PLACE}/"])
        cases: dict[str, tuple[Sequence[InputPicture], int]] = {
            f"local, -j {jobs}": (local, jobs),
            f"elsewhere, -j {jobs}": (remote, jobs),
            f"elsewhere, not read ahead, -j {jobs}": ([InTurn(each) for each in remote], jobs),
            "elsewhere, not read ahead, -j 16": ([InTurn(each) for each in remote], 16),
        }
        taken: dict[str, list[float]] = {title: [] for title in cases}
        of_store: dict[str, list[float]] = {title: [] for title in cases}
        for _ in range(rounds):
            for title, (pictures, workers) in cases.items():
                before = cpu_seconds(store)
                work = partial(run, inspector, pictures, workers, Path(name) / "out")
                taken[title].append(seconds(work))
                of_store[title].append(cpu_seconds(store) - before)
    print_table(taken, of_store, count, f"{latency:g} s for each answer, {failing:.0%} fail")


def print_table(
    taken: dict[str, list[float]], of_store: dict[str, list[float]], count: int, network: str
) -> None:
    """Prints the rates, relative to the first case."""
    base = next(iter(taken.values()))
    table = Table("pictures", title=f"{count} JPEGs of 1000 x 1000 pixels, {network}")
    for column in ("pictures/s", "share of local", "CPU of the store, s"):
        table.add_column(column, justify="right")
    for title, times in taken.items():
        share = statistics.median(own / other for own, other in zip(base, times, strict=True))
        rate = count / statistics.median(times)
        cpu = statistics.median(of_store[title])
        table.add_row(title, f"{rate:.1f}", f"{share:.2f}", f"{cpu:.1f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
