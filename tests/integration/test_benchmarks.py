"""The benchmarks run, and fill their tables."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments", "rows"),
    [
        ("throughput", ["4", "1"], 8),
        ("startup", ["1"], 5),
        ("memory", ["2", "3"], 2),
        ("parquet", ["2000"], 9),
        ("remote", ["8", "1", "0.01"], 4),
        ("cluster", ["4", "1"], 2),
        ("cluster_simulation", ["4", "--work", "0.02"], 1),
        ("serving", ["1", "1", "80"], 16),
    ],
)
def test_a_table_is_filled(name, arguments, rows):
    if name == "serving" and shutil.which("hey") is None:
        pytest.skip("the load generator hey is not installed")
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{name}.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert done.returncode == 0, done.stderr
    filled = [line for line in done.stdout.splitlines() if re.match(r"│ .*\d", line)]
    assert len(filled) == rows, done.stdout
