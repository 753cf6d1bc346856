"""Pictures per second and latency of `serve` under load, beside `predict` on the same files.

Usage: python benchmarks/serving.py [SECONDS [ROUNDS [REQUESTS]]]      (10 s, 3 rounds, 20,000)

The client is `hey` (https://github.com/rakyll/hey, in Debian under that name). It sends one JPEG of
1000 x 1000 pixels again and again, over loopback and from the same cores. `predict` and the numbers
of clients take turns; the tables hold medians over the rounds.
"""

import csv
import io
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from pictures import make_pictures
from rich.console import Console
from rich.table import Table

CLIENTS = (1, 2, 8, 32)
MODULE = (sys.executable, "-m", "capsule_inspect")


@contextmanager
def serving(port: int) -> Iterator[tuple[str, int, float]]:
    """Starts a server; yields its address, its process and the seconds until it was ready."""
    begun = time.perf_counter()
    command = [*MODULE, "serve", "--port", str(port), "--queue", "64"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        if process.stderr is None:
            raise SystemExit("The server has no stderr.")
        address = re.sub(r"Ready: ", "", process.stderr.readline()).strip()
        took = time.perf_counter() - begun
        # Nobody reads its log from here on; a full pipe would stop it.
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)  # noqa: S607
        try:
            yield address, process.pid, took
        finally:
            process.terminate()
            process.wait()
            drain.wait()


def rss_mb(pid: int) -> float:
    """Returns the resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def load(address: str, picture: Path, clients: int, *limit: str) -> tuple[float, list[float]]:
    """Sends a picture again and again; returns pictures/s and the seconds of each request."""
    done = subprocess.run(
        [
            *("hey", "-o", "csv", "-c", str(clients), *limit, "-m", "POST", "-T", "image/jpeg"),
            *("-D", str(picture), f"{address}/v1/inspect"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    failed = [row["status-code"] for row in rows if row["status-code"] != "200"]
    if failed:
        raise SystemExit(f"{len(failed)} of {len(rows)} requests failed: {set(failed)}")
    ends = [float(row["offset"]) + float(row["response-time"]) for row in rows]
    return len(rows) / max(ends), [float(row["response-time"]) for row in rows]


def predict_rate(folder: Path, out: Path) -> float:
    """Returns pictures/s of `predict --overlays none`, without its start."""
    done = subprocess.run(
        [*MODULE, "predict", str(folder), "-o", str(out), "--overlays", "none"],
        capture_output=True,
        text=True,
        check=True,
    )
    shutil.rmtree(out)
    found = re.search(r"(\d+) pictures.* in ([\d.]+) s", " ".join(done.stderr.split()))
    if not found:
        raise SystemExit(done.stderr)
    return int(found[1]) / float(found[2])


def measure(folder: Path, picture: Path, seconds: int, rounds: int) -> Table:
    """Measures rates and latencies."""
    rates: dict[str, list[float]] = {}
    latencies: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
    with serving(0) as (address, _, _):
        load(address, picture, 8, "-n", "200")
        for turn in range(rounds):
            rates.setdefault("predict", []).append(predict_rate(folder, folder.parent / f"o{turn}"))
            for clients in CLIENTS:
                rate, taken = load(address, picture, clients, "-z", f"{seconds}s")
                rates.setdefault(f"{clients}", []).append(rate)
                latencies[clients] += taken
    base = statistics.median(rates["predict"])
    table = Table("clients", title="JPEG of 1000 x 1000 pixels")
    for column in ("pictures/s", "share of predict", "p50, ms", "p95, ms", "p99, ms"):
        table.add_column(column, justify="right")
    table.add_row("predict", f"{base:.1f}", "1.00", "", "", "")
    for clients in CLIENTS:
        rate = statistics.median(rates[f"{clients}"])
        quantiles = np.percentile(latencies[clients], (50, 95, 99)) * 1000
        told = (f"{each:.1f}" for each in quantiles)
        table.add_row(f"{clients}", f"{rate:.1f}", f"{rate / base:.2f}", *told)
    return table


def watch_memory(pictures: Sequence[Path], requests: int) -> Table:
    """Measures the resident memory over many requests."""
    table = Table("requests", title="Resident memory of the server, 8 clients")
    table.add_column("MiB", justify="right")
    with serving(0) as (address, pid, _):
        table.add_row("0", f"{rss_mb(pid):.1f}")
        done, step = 0, max(1, requests // 10)
        for number in range(10):
            load(address, pictures[number % len(pictures)], 8, "-n", str(step))
            done += step
            table.add_row(f"{done}", f"{rss_mb(pid):.1f}")
    return table


def watch_starts(rounds: int) -> str:
    """Measures the time from the start of a process until it is ready."""
    taken = []
    for _ in range(rounds):
        with serving(0) as (_, _, took):
            taken.append(took)
    return f"Cold start to ready, median of {rounds}: {statistics.median(taken):.2f} s"


def main(
    seconds: Annotated[int, typer.Argument()] = 10,
    rounds: Annotated[int, typer.Argument()] = 3,
    requests: Annotated[int, typer.Argument()] = 20_000,
) -> None:
    """Prints the tables."""
    if shutil.which("hey") is None:
        raise SystemExit("This needs the load generator `hey`: apt-get install hey")
    os.environ["NO_COLOR"] = "1"
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        made = make_pictures(Path(name) / "jpg", "jpg", 40 * seconds)
        pictures = [Path(each.path).resolve() for each in made[:40]]
        console.print(measure(Path(name) / "jpg", pictures[0], seconds, rounds))
        console.print(watch_memory(pictures, requests))
        console.print(watch_starts(max(3, rounds)))


if __name__ == "__main__":
    typer.run(main)
