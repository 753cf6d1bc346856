"""The Makefile: its help, its sentences, what it would run, and the demo from a fresh clone."""

import csv
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = "capsule_inspect/assets/capsule.tflite"

COMMANDS = {
    "prepare": ({"IN": "drawn", "DATA": "d"}, 'prepare "drawn" "d" A=1'),
    "train": ({"DATA": "d", "RUN": "r"}, 'train -o "r" --data "d" A=1'),
    "tune": ({"DATA": "d", "RUN": "r"}, 'tune -o "r" --data "d" A=1'),
    "evaluate": ({"DATA": "d", "RUN": "r", "OUT": "o"}, 'evaluate "r" -o "o" --data "d" A=1'),
    "export": ({"DATA": "d", "RUN": "r", "OUT": "o"}, 'export-tflite "r" -o "o" --data "d" A=1'),
    "predict": ({"IN": "p q", "OUT": "o"}, 'predict "p q" -o "o" A=1'),
}
OURS = (
    "ARGS",
    "CAPSULE_INSPECT_DATA",
    "DATA",
    "IN",
    "OUT",
    "PORT",
    "PYTHON",
    "RUN",
    "SEED",
    "VENV",
)

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(
    *arguments: str, venv: Path, folder: Path = ROOT, timeout: int = 60
) -> subprocess.CompletedProcess[str]:
    """Runs make as a person would, free of what the `make test` around this test hands down."""
    inherited = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", *OURS)
    environment = {name: value for name, value in os.environ.items() if name not in inherited}
    return subprocess.run(
        ["make", *arguments, f"VENV={venv}"],  # noqa: S607  (make is found on PATH everywhere)
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def targets() -> list[str]:
    """What the Makefile declares as its doors."""
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    return [
        name for line in lines if line.startswith(".PHONY:") for name in line.split(":")[1].split()
    ]


@pytest.mark.parametrize("arguments", [(), ("help",)])
def test_help_lists_every_target_and_variable(arguments: tuple[str, ...], tmp_path: Path) -> None:
    ended = make(*arguments, venv=tmp_path / "venv")
    assert ended.returncode == 0, ended.stderr
    listed, variables = ended.stdout.split("Variables:")
    assert re.findall(r"^  ([a-z-]+)  +\w", listed, re.MULTILINE) == targets()
    names = re.findall(r"^  ([A-Z]+)  +\w", variables, re.MULTILINE)
    assert sorted(names) == sorted({*OURS} - {"CAPSULE_INSPECT_DATA"})


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            "demo",
            [
                "pip .*install .*--editable \\.$",
                "rm -rf out/demo$",
                "capsule-inspect prepare drawn out/demo/data data.count=24 data.seed=7$",
                "capsule-inspect predict out/demo/data/pictures -o out/demo/results --table$",
            ],
        ),
        ("test", ["pip .*install .*'\\.\\[train,serve,dev\\]'$", "python -m pytest"]),
        ("test-slow", ["python -m pytest -m slow"]),
        ("serve", ["pip .*install .*'\\.\\[serve\\]'$", 'capsule-inspect serve --port "8000" *$']),
        ("lint", ["ruff format --check$", "ruff check$", "mypy$"]),
        ("format", ["ruff check --fix$", "ruff format$"]),
        (
            "pipeline",
            [
                "pip .*install .*'\\.\\[train\\]'$",
                *(f"capsule-inspect {verb} " for verb in ("prepare", "train", "evaluate")),
                "capsule-inspect export-tflite out/pipeline/run .*--force",
                "capsule-inspect predict out/pipeline/data/pictures ",
            ],
        ),
    ],
)
def test_targets_run_their_commands_in_order(
    target: str, expected: list[str], tmp_path: Path
) -> None:
    ended = make("-n", target, venv=tmp_path / "venv")
    assert ended.returncode == 0, ended.stderr
    assert re.search(".*".join(expected), ended.stdout, re.MULTILINE | re.DOTALL), ended.stdout
    assert not (tmp_path / "venv").exists()


def test_the_shipped_model_is_replaced_last(tmp_path: Path) -> None:
    ended = make("-n", "model", "CAPSULE_INSPECT_DATA=my pictures", venv=tmp_path / "venv")
    assert ended.returncode == 0, ended.stderr
    assert 'capsule-inspect prepare "my pictures" out/model/data' in ended.stdout
    assert ended.stdout.splitlines()[-1] == f"cp out/model/capsule.tflite {SHIPPED}"


@pytest.mark.parametrize("target", COMMANDS)
def test_a_command_gets_its_variables(target: str, tmp_path: Path) -> None:
    given, command = COMMANDS[target]
    variables = [f"{name}={value}" for name, value in given.items()]
    ended = make("-n", target, *variables, "ARGS=A=1", venv=tmp_path / "venv")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == f"{tmp_path}/venv/bin/capsule-inspect {command}"


@pytest.mark.parametrize(
    ("target", "missing", "given"),
    [
        (target, name, [f"{n}={v}" for n, v in variables.items() if n != name])
        for target, (variables, _) in COMMANDS.items()
        for name in variables
    ]
    + [("model", "CAPSULE_INSPECT_DATA", [])],
)
def test_a_missing_variable_is_named_before_anything_is_installed(
    target: str, missing: str, given: list[str], tmp_path: Path
) -> None:
    ended = make(target, *given, venv=tmp_path / "venv")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[0].startswith(f"Error: {missing} is not set. Give ")
    assert ended.stdout == ""
    assert not (tmp_path / "venv").exists()


def test_serve_gets_its_port_and_arguments(tmp_path: Path) -> None:
    ended = make("-n", "serve", "PORT=81", "ARGS=--jobs 2", venv=tmp_path / "venv")
    assert ended.returncode == 0, ended.stderr
    last = ended.stdout.splitlines()[-1]
    assert last == f'{tmp_path}/venv/bin/capsule-inspect serve --port "81" --jobs 2'


@pytest.mark.parametrize(
    ("working", "command"),
    [
        (("docker", "buildah"), "docker build -f docker/Dockerfile -t capsule-inspect "),
        (("buildah",), "buildah bud --format docker -f docker/Dockerfile -t capsule-inspect "),
        ((), None),
    ],
)
def test_the_image_is_built_by_what_works(
    working: tuple[str, ...], command: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("docker", "buildah"):
        tool = tmp_path / name
        tool.write_text(f'#!/bin/sh\necho "{name} $*"\nexit {int(name not in working)}\n')
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    ended = make("image", "ARGS=--no-cache", venv=tmp_path / "venv")
    if command is None:
        assert ended.returncode == 2
        assert ended.stderr.startswith("Error: neither docker nor buildah works here.")
    else:
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.startswith(command)
        assert ended.stdout.endswith(" --no-cache .\n")


def test_a_python_too_old_is_refused(tmp_path: Path) -> None:
    python = tmp_path / "python2"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    ended = make("demo", f"PYTHON={python}", venv=tmp_path / "venv")
    assert ended.returncode == 2
    assert f"Error: {python} is not Python 3.10 to 3.13." in ended.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.slow
def test_the_demo_runs_twice_from_a_fresh_clone(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, so there is nothing to clone")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)  # noqa: S607  (as above)
    for _ in range(2):
        ended = make("demo", venv=clone / ".venv", folder=clone, timeout=600)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    results = clone / "out/demo/results"
    predicted = labels(results / "predictions.csv")
    assert len(predicted) == 24
    assert all(f"{name} " in ended.stdout for name in predicted)
    assert len(list((results / "overlays").rglob("*.png"))) == 24
    assert "are in out/demo/results/overlays." in ended.stdout
    drawn = labels(clone / "out/demo/data/manifest.csv")
    wrong = {name: label for name, label in predicted.items() if label != drawn[name]}
    assert len(wrong) <= 2


def labels(table: Path) -> dict[str, str]:
    """The label of each picture, by the name of its file."""
    with table.open(newline="", encoding="utf-8") as file:
        return {Path(row["path"]).name: row["label"] for row in csv.DictReader(file)}
