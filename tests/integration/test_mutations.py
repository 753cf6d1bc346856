"""The unit tests notice mistakes: one wrong line each, in a copy. A minute, so marked slow."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

pytest.importorskip("sklearn", reason="test_metrics.py needs the train extra")

ROOT = Path(__file__).parents[2]
FAILED = 1  # pytest's exit code for failed tests; an error of collection is 2


@dataclass(frozen=True)
class Mutation:
    """A mistake in one line.

    Attributes:
        name: What goes wrong.
        file: The module, below `capsule_inspect`.
        before: Text that stands once in it.
        after: What takes its place.
        tests: The test module that must fail, below `tests/unit`.
    """

    name: str
    file: str
    before: str
    after: str
    tests: str


MUTATIONS = (
    Mutation(
        "capsules turn the wrong way",
        "imaging/crop.py",
        "turn = math.radians(-box.angle)",
        "turn = math.radians(box.angle)",
        "imaging/test_crop.py",
    ),
    Mutation(
        "the axis points to the dark end",
        "imaging/find_capsules.py",
        "return 1 if ahead >= behind else -1",
        "return 1 if ahead <= behind else -1",
        "imaging/test_find_capsules.py",
    ),
    Mutation(
        "a score at the threshold is good",
        "inference/decide.py",
        "if defect_score < point.threshold:",
        "if defect_score <= point.threshold:",
        "inference/test_decide.py",
    ),
    Mutation(
        "tabs may start a formula",
        "inference/records.py",
        '_FORMULA_STARTS = ("=", "+", "-", "@", "\'", "\\t", "\\r")',
        '_FORMULA_STARTS = ("=", "+", "-", "@", "\'", "\\r")',
        "inference/test_records.py",
    ),
    Mutation(
        "the last byte of a model file goes unread",
        "modelfile/bundle.py",
        "if data[start:] != _archive(payload, start):",
        "if data[start:-1] != _archive(payload, start)[:-1]:",
        "modelfile/test_bundle.py",
    ),
    Mutation(
        "pixels in both masks count twice in the union",
        "evaluation/pixels.py",
        "union = self.predicted + self.true - self.intersection",
        "union = self.predicted + self.true",
        "evaluation/test_pixels.py",
    ),
    Mutation(
        "false alarms count as good pictures passed",
        "evaluation/metrics.py",
        '"false_alarm_rate", [each.label != GOOD for each in goods]',
        '"false_alarm_rate", [each.label == GOOD for each in goods]',
        "evaluation/test_metrics.py",
    ),
    Mutation(
        "the AUROC's interval takes the smaller variance",
        "evaluation/intervals.py",
        "spread = 1 + (fewer - 1) * low + (more - 1) * high",
        "spread = 1 + (fewer - 1) * high + (more - 1) * low",
        "evaluation/test_intervals.py",
    ),
    Mutation(
        "a class of three is not split",
        "dataset/split.py",
        "if count < MIN_TO_SPLIT:",
        "if count <= MIN_TO_SPLIT:",
        "dataset/test_split.py",
    ),
    Mutation(
        "the last fold is not counted",
        "dataset/split.py",
        "count = 1 + max(found.values())",
        "count = max(found.values())",
        "dataset/test_split.py",
    ),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its unit tests, which pass there."""
    copy = tmp_path_factory.mktemp("whole") / "copy"
    skip = shutil.ignore_patterns("__pycache__", "integration", "robustness")
    for part in ("capsule_inspect", "tests"):
        shutil.copytree(ROOT / part, copy / part, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", copy)
    result = run_tests(copy, *dict.fromkeys(mutation.tests for mutation in MUTATIONS))
    assert result.returncode == 0, result.stdout
    return copy


def run_tests(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    # Not the installed package but the copy, of which nobody counts the lines that run.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    environment |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "CI": "true"}
    modules = [f"tests/unit/{test}" for test in tests]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *modules],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mistake_fails_the_tests(whole: Path, tmp_path: Path, mutation: Mutation) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(whole, copy)
    module = copy / "capsule_inspect" / mutation.file
    text = module.read_text(encoding="utf-8")
    assert text.count(mutation.before) == 1, f"{mutation.file} has changed: mend this table"
    module.write_text(text.replace(mutation.before, mutation.after), encoding="utf-8")
    result = run_tests(copy, mutation.tests)
    assert result.returncode == FAILED, result.stdout
    assert "1 failed" in result.stdout
