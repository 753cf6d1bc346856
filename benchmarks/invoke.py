"""Speed of the network alone: the older system's, and ours in several runtimes.

Usage: python benchmarks/invoke.py [ROUNDS [MODEL]]      (10, the shipped file; needs `train`)

The older network (`experiment=seed_baseline`) has random weights and dynamic-range quantization, as
it was shipped; our float network has a random decoder and random heads. With the extra `bench`, the
shipped file and the float network also run in ONNX Runtime and OpenVINO. All take turns in one
process, with the same number of threads.
"""

import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from runtimes import Call, open_litert, open_onnx, open_openvino, others_are_installed
from timing import seconds

from capsule_inspect.choices import SHIPPED_MODEL

RUNTIMES = {"LiteRT": open_litert, "ONNX Runtime": open_onnx, "OpenVINO": open_openvino}
SHIPPED = ("shipped, int8", "LiteRT")


def main(
    rounds: Annotated[int, typer.Argument()] = 10,
    model: Annotated[Path, typer.Argument()] = SHIPPED_MODEL,
) -> None:
    """Prints the tables."""
    with tempfile.TemporaryDirectory() as name:
        files = {
            "seed_baseline, dynamic": Path(name, "seed_baseline.tflite"),
            "ours, float32": Path(name, "float.tflite"),
            SHIPPED[0]: Path(shutil.copy(model, name)),
        }
        compared = list(RUNTIMES) if others_are_installed() else ["LiteRT"]
        # TensorFlow runs in a separate process, so that it does not compete for the CPU caches.
        converter = multiprocessing.get_context("spawn").Process(
            target=convert, args=(*files.values(), len(compared) > 1)
        )
        converter.start()
        converter.join()
        if converter.exitcode:
            raise SystemExit("The networks cannot be converted.")
        older, *ours = files
        cases = [(older, "LiteRT")] + [(network, other) for network in ours for other in compared]
        for threads in (1, 2):
            calls = [RUNTIMES[runtime](files[network], threads) for network, runtime in cases]
            times = dict(zip(cases, measure(calls, rounds), strict=True))
            print_table(times, f"threads: {threads}; median of {5 * rounds} invocations")


def convert(older: Path, float32: Path, shipped: Path, with_onnx: bool) -> None:
    """Writes the networks that are not shipped, and ONNX versions of ours."""
    from capsule_inspect.exporting.convert import convert as to_flatbuffer
    from capsule_inspect.model.network import build_network
    from capsule_inspect.settings.compose import compose

    for file, overrides, quantization in (
        (older, ["experiment=seed_baseline", "model.weights=none"], "dynamic"),
        (float32, [], "float32"),
    ):
        settings = compose(overrides, None)
        file.write_bytes(to_flatbuffer(build_network(settings.model, 6), quantization, []))
    if with_onnx:
        from tf2onnx.convert import from_tflite

        for file in (float32, shipped):
            from_tflite(str(file), opset=18, output_path=str(file.with_suffix(".onnx")))


def measure(calls: Sequence[Call], rounds: int) -> list[float]:
    """Returns the median time of each call, in ms; the calls take turns of eight repeats."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for taken, call in zip(times, calls, strict=True):
            # ONNX Runtime's threads keep spinning for a while after a call.
            time.sleep(0.05)
            block = [1000 * seconds(call) for _ in range(8)]
            # The first calls wake the threads.
            taken.extend(block[3:])
    return [statistics.median(taken) for taken in times]


def print_table(times: dict[tuple[str, str], float], title: str) -> None:
    """Prints the times for one number of threads, relative to the shipped file in LiteRT."""
    table = Table("network", "runtime", title=title)
    for column in ("ms", "times the shipped file's"):
        table.add_column(column, justify="right")
    for (network, runtime), taken in times.items():
        table.add_row(network, runtime, f"{taken:.1f}", f"{taken / times[SHIPPED]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
