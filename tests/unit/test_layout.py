"""The rooms of the package, as CONTRIBUTING.md draws them: imports go one way."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

PACKAGE = Path(__file__).parents[2] / "capsule_inspect"

# Each room may import those before it, and the single files beside them.
ROOMS = (
    *("imaging", "modelfile", "settings", "inference", "dataset", "model"),
    *("runs", "evaluation", "training", "export", "pages", "cli"),
)
# What a room does without although it stands later.
NEVER = {
    "settings": {"inference"},
    "inference": {"settings"},
    "dataset": {"inference"},
    "model": {"inference", "dataset"},
    "runs": {"model"},
    "evaluation": {"model", "runs"},
    "pages": {"settings", "model", "runs", "training", "export"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(file: Path) -> Iterator[str]:
    """The rooms and files of the package that a module imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("capsule_inspect."):
            yield node.module.split(".")[1]


def test_every_room_is_known():
    found = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert found == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_stands_before_it(room):
    allowed = set(ROOMS[: ROOMS.index(room) + 1]) - NEVER.get(room, set())
    for file in (PACKAGE / room).rglob("*.py"):
        wrong = {name for name in imported(file) if name in ROOMS} - allowed
        assert not wrong, f"{file.name} imports {wrong}"


def test_single_files_import_no_room_but_settings():
    for file in PACKAGE.glob("[!_]*.py"):
        rooms = set(ROOMS) & set(imported(file))
        assert rooms <= ({"settings"} if file.name == "compose.py" else set()), file.name


def test_modules_are_short():
    lengths = {f: len(f.read_text(encoding="utf-8").splitlines()) for f in MODULES}
    assert max(lengths.values()) <= 300, max(lengths, key=lengths.__getitem__)
    assert median(lengths.values()) <= 120
