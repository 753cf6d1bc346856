"""Time of the network alone, beside that of the older system's (`experiment=seed_baseline`).

Usage: python benchmarks/invoke.py [ROUNDS]      (25; needs the extra `train`)

The older network has random weights and dynamic-range quantization, as it was shipped. Both run in
turns, in one process, in the same runtime with as many threads.
"""

import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from rich.console import Console
from rich.table import Table

from capsule_inspect.cli.predict import SHIPPED_MODEL


def main(rounds: int) -> None:
    """Prints the table."""
    table = Table("threads", title=f"Median of {rounds} invocations each, ms")
    for title in ("seed_baseline, dynamic range", "shipped, int8", "times as fast"):
        table.add_column(title, justify="right")
    with tempfile.TemporaryDirectory() as name:
        older = Path(name, "seed_baseline.tflite")
        # TensorFlow stays in a process of its own: it would share the cores' caches.
        converter = multiprocessing.get_context("spawn").Process(target=convert, args=(older,))
        converter.start()
        converter.join()
        for threads in (1, 2):
            before, after = measure([older, SHIPPED_MODEL], threads, rounds)
            table.add_row(str(threads), f"{before:.1f}", f"{after:.1f}", f"{before / after:.1f}")
    Console().print(table)


def convert(file: Path) -> None:
    """Writes the older network's file."""
    from capsule_inspect.compose import compose
    from capsule_inspect.export.convert import convert as to_flatbuffer
    from capsule_inspect.model.network import build_network

    settings = compose(["experiment=seed_baseline", "model.weights=none"], None)
    file.write_bytes(to_flatbuffer(build_network(settings.model, 6), "dynamic", []))


def measure(files: list[Path], threads: int, rounds: int) -> list[float]:
    """Returns the median time of each file's network, in ms."""
    interpreters = [Interpreter(model_path=str(file), num_threads=threads) for file in files]
    for interpreter in interpreters:
        interpreter.allocate_tensors()
        (image,) = interpreter.get_input_details()
        pixels = np.random.default_rng(0).integers(0, 256, image["shape"], dtype=np.uint8)
        interpreter.set_tensor(image["index"], pixels)
        interpreter.invoke()
    times: list[list[float]] = [[] for _ in files]
    for _ in range(rounds):
        for taken, interpreter in zip(times, interpreters, strict=True):
            begun = time.perf_counter()
            interpreter.invoke()
            taken.append(1000 * (time.perf_counter() - begun))
    return [statistics.median(taken) for taken in times]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 25)
