"""The pages of `docs/` keep their word: what they show is run, and what the code names they name.

Blocks are run as those of the README are (`tests/fixtures/console_blocks.py`), each page in a
folder of its own, which starts as `docs/index.md` says. A block after the comment
`<!-- file: NAME -->` is written into that folder first.
"""

import ast
import csv
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
import yaml
from console_blocks import Step, read_steps, run_step
from settings_page import settings_page

from capsule_inspect import __version__
from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.cli.app import app
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.evaluation.cross_validation import pool_predictions, read_out_of_fold
from capsule_inspect.evaluation.evaluation_folder import StudyFacts, write_cross_validation
from capsule_inspect.evaluation.metrics import CLASS_METRICS, METRICS
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.metadata import RANGE_NAMES, OperatingPoint
from capsule_inspect.settings.groups import DataSettings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
STORED = ROOT / "experiments/cross_validation_int8/out_of_fold.csv"

CLASSES = ("good", *DEFECTS)
ON_EVERY_COMMAND = {"--help", "--config-dir", "--print-config"}
"""What `index.md` says once for all."""

_FILE = re.compile(r"<!-- file: (\S+) -->\n+```python\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def read(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def outside_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def is_named(name: str, text: str) -> bool:
    return f"`{name}`" in text or f"`{name}," in text or f"`{name} " in text


@pytest.fixture(scope="session")
def capsules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `index.md` draws. Read only."""
    out = tmp_path_factory.mktemp("docs") / "capsules"
    prepare_dataset("drawn", out, DataSettings(count=36, seed=3, size=600))
    return out


@pytest.fixture(scope="session")
def trained(capsules: Path) -> Path:
    """The run folder that `train.md` makes. Read only."""
    (step,) = [s for s in read_steps(read("commands/train.md")) if "-o runs/first" in s.command]
    wrong = run_step(step, capsules.parent, timeout=600, page="docs/commands/train.md")
    assert not wrong, "\n".join(wrong)
    return capsules.parent / "runs/first"


@pytest.fixture
def start(capsules: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes the folder that a page starts in."""

    def make(page: str) -> Path:
        text = read(page)
        shutil.copy(SHIPPED_MODEL, tmp_path / "capsule.tflite")
        if "prepare drawn capsules" not in text:
            shutil.copytree(capsules, tmp_path / "capsules", copy_function=os.link)
        for name, code in _FILE.findall(text):
            (tmp_path / name).write_text(code, encoding="utf-8")
        return tmp_path

    return make


def run_page(page: str, folder: Path, wanted: Callable[[Step], bool]) -> None:
    steps = [step for step in read_steps(read(page)) if wanted(step)]
    wrong = [line for step in steps for line in run_step(step, folder, 600, f"docs/{page}")]
    assert not wrong, "\n".join(wrong)
    described = read("data-formats.md")
    unnamed = {
        f"{file.relative_to(folder)}: {name}"
        for file in folder.rglob("*")
        if file.suffix in {".csv", ".json"}
        for name in names_of(file)
        if not is_named(name, described)
    }
    assert not unnamed, "data-formats.md does not name what examples wrote"


def names_of(file: Path) -> set[str]:
    """Columns of a CSV file or keys of a JSON file, but for classes, settings and packages."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".csv":
        names = set(next(csv.reader(text.splitlines())))
    else:
        names = set(_keys(json.loads(text)))
    of_classes = {*CLASSES, *(f"p_{name}" for name in CLASSES)}
    return {name for name in names - of_classes if "." not in name}


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        value = [inner for key, inner in value.items() if key != "packages"]
    if isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


LONG = {"commands/evaluate.md", "commands/predict.md", "python.md", "troubleshooting.md"}
"""Pages of so many commands that they are run with the slow tests."""


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow) if page in LONG else page
        for page in PAGES
        if not all(step.slow for step in read_steps(read(page)))
    ],
)
def test_a_page_shows_what_commands_print(page: str, start: Callable[[str], Path]) -> None:
    if page in {"commands/evaluate.md", "python.md"}:
        pytest.importorskip("sklearn")
    run_page(page, start(page), lambda step: not step.slow)


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if any(s.slow for s in read_steps(read(p)))])
def test_a_page_shows_what_slow_commands_print(
    page: str, start: Callable[[str], Path], trained: Path
) -> None:
    folder = start(page)
    if page != "commands/train.md":
        shutil.copytree(trained, folder / "runs/first")
    run_page(page, folder, lambda _: True)


@pytest.mark.parametrize("page", PAGES)
def test_every_snippet_of_a_page_is_run(page: str) -> None:
    files = dict(_FILE.findall(read(page)))
    commands = " ".join(step.command for step in read_steps(read(page)))
    imported = " ".join(files.values())
    unused = [n for n in files if n not in commands and f"from {Path(n).stem} " not in imported]
    assert unused == []


def test_a_study_writes_what_is_described(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    measured = pool_predictions(*read_out_of_fold(STORED))
    facts = StudyFacts(Path("study"), "model.tflite", OperatingPoint(), "0" * 64, "pictures")
    write_cross_validation(tmp_path, measured, facts)
    described = read("data-formats.md")
    for name in ("metrics.json", "out_of_fold.csv"):
        unnamed = {key for key in names_of(tmp_path / name) if not is_named(key, described)}
        assert unnamed <= set(METRICS)  # the keys of `spread`, which metrics.md defines


def test_every_metric_is_defined() -> None:
    text = read("metrics.md")
    assert [name for name in (*METRICS, *CLASS_METRICS) if not is_named(name, text)] == []


def test_the_page_of_settings_says_what_the_settings_say() -> None:
    assert read("settings.md") == settings_page(), "Run `python tests/fixtures/settings_page.py`."


def test_every_key_of_a_model_file_is_described() -> None:
    text = read("model-file.md")
    keys = {*_keys(json.loads(read_bundle(SHIPPED_MODEL).metadata.to_json())), *RANGE_NAMES}
    assert {key for key in keys if not is_named(key, text)} == set()


def commands() -> dict[str, set[str]]:
    """Each command with its long options."""
    group = typer.main.get_command(app)
    return {
        name: {opt for param in command.params for opt in param.opts if opt.startswith("--")}
        for name, command in vars(group)["commands"].items()
    }


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_has_a_page_that_names_its_options(command: str) -> None:
    assert f"commands/{command}.md" in PAGES
    text = read(f"commands/{command}.md")
    missing = {
        option for option in commands()[command] - ON_EVERY_COMMAND if not is_named(option, text)
    }
    assert missing == set()


def test_every_page_is_linked_from_the_index() -> None:
    linked = {link.split("#")[0] for link in _LINK.findall(read("index.md"))}
    assert set(PAGES) - {"index.md"} - linked == set()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page: str) -> None:
    broken = []
    for link in _LINK.findall(re.sub(r"\n\s*", " ", outside_blocks(read(page)))):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (DOCS / page).parent / name if name else DOCS / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", outside_blocks(page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_lines_are_short(page: str) -> None:
    assert [line for line in read(page).splitlines() if len(line) > 110] == []


def test_quoted_messages_are_those_of_the_code() -> None:
    quotes = [
        re.sub(r"\n> ?", " ", quote).removeprefix("> ")
        for quote in re.findall(r"(?:^>.*\n)+", read("troubleshooting.md"), re.MULTILINE)
    ]
    assert len(quotes) > 20
    messages = "\n".join(texts_of_code())
    assert [quote.strip() for quote in quotes if not appears(quote.strip(), messages)] == []


def texts_of_code() -> Iterator[str]:
    """Every string of the package; what is filled in is written `…`."""
    for path in (ROOT / "capsule_inspect").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def appears(quote: str, messages: str) -> bool:
    """Tells whether a quote is part of a message; its `…` may stand for text of that, too."""
    # Who a message is about may be put before it elsewhere.
    parts = [re.escape(part) for part in quote.removeprefix("… ").split("…")]
    return re.search("[^\n]*?".join(parts), messages) is not None


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == __version__
    assert citation["license"] == "Apache-2.0"
    assert citation["authors"] == [{"name": "The capsule-inspect developers"}]
    (paper,) = citation["references"]
    assert (paper["authors"][0]["family-names"], paper["year"]) == ("Bergmann", 2021)
    assert {"message", "title", "type"} <= citation.keys()
