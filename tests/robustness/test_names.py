"""Names of every kind go through all commands: as class, folder, data set, run and model."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from capsule_inspect.drawing.capsules import draw_capsule

pytestmark = pytest.mark.slow

STEP = (
    *("model=efficientnet_lite0", "model.roi.width=160", "model.roi.height=64"),
    *(
        "model.roi.capsule_length=142",
        "model.weights=none",
        "model.members=1",
        "train.encoder_learning_rate=1e-4",
    ),
    *("train.epochs=1", "train.steps=1", "train.batch_size=4", "train.drawn=0"),
    "train.validate_every=1",
)


def is_taken(name: str) -> bool:
    """Whether a POSIX file system takes a name, with room for what is added to it."""
    return name not in {"", ".", ".."} and len(os.fsencode(name)) < 120


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(is_taken)


class Tags(HTMLParser):
    """The elements of a page, each with the names of its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[tuple[str, ...]] = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.add((tag, *(name for name, _ in attrs)))


@pytest.fixture(scope="module")
def capsules() -> list[tuple[str, object]]:
    """Drawn capsules with the label `good` or `crack`."""
    labels = ["good"] * 8 + ["crack"] * 8
    return [(label, draw_capsule(label, (3, n), 220)) for n, label in enumerate(labels)]


@pytest.fixture
def walk(invoke, capsules, tmp_path_factory, monkeypatch, save_picture):
    """Goes from a folder to a report under three names; what was printed, and where.

    Every command after the first is the one that the command before proposes, with a few settings.
    """

    def run(defect: str, data: str, model: str) -> tuple[list[str], Path]:
        root = tmp_path_factory.mktemp("names")
        monkeypatch.chdir(root)
        for number, (label, drawn) in enumerate(capsules):
            folder = root / "in" / data / (defect if label == "crack" else "good")
            save_picture(folder / f"{number}.png", drawn.picture)
        place = data if not data.startswith("-") else f"./{data}"
        printed: list[str] = []

        def call(*arguments: str, ends_with: tuple[int, ...] = (0,)) -> str:
            done = invoke(*arguments)
            printed.append(done.out + done.err)
            assert done.exit_code in ends_with, (arguments, printed[-1])
            return done.err

        def proposed(told: str) -> list[str]:
            found = re.search(r"Next: capsule-inspect (.*?)(?=\nOr: |\Z)", told, re.DOTALL)
            split = ["sh", "-c", f"printf '%s\\0' {found[1]}"]
            done = subprocess.run(split, capture_output=True, check=True, cwd=root)
            return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]

        told = call("prepare", f"in/{data}", place, ends_with=(0, 2))
        if "Next: " not in told:
            return printed, root
        told = call(*proposed(told), "-o", f"runs/{model}", *STEP)
        told = call(*proposed(told), "-o", f"measured/{model}", "--split", "all")
        # In float32, since the values of a network that has learnt nothing are too small for int8.
        call(
            *("export-tflite", f"runs/{model}", "-o", f"models/{model}.tflite"),
            "export.format=float32",
        )
        told = call("evaluate", f"models/{model}.tflite", "-o", f"again/{model}", "--data", place)
        words = [f"in/{data}" if word == "PICTURES" else word for word in proposed(told)]
        words[words.index("-o") + 1] = f"found/{model}"
        call(*words, "-r", "--report", "--table", ends_with=(0, 1))
        call("runs", ".")
        return printed, root

    return run


@pytest.fixture(scope="module")
def plain_tags() -> dict[str, set[tuple[str, ...]]]:
    """The elements of the pages under ordinary names; filled by the first walk."""
    return {}


def tags_of(root: Path) -> dict[str, set[tuple[str, ...]]]:
    """The elements of each page, by the kind of page."""
    pages = [page.relative_to(root) for page in root.rglob("*.html")]
    return {
        page.parts[0] if page.name == "report.html" else page.name: Tags(
            (root / page).read_text(encoding="utf-8")
        ).found
        for page in pages
    }


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(defect=NAMES, data=NAMES, model=NAMES)
@example(defect="Riss <b onclick=x>&amp;</b>", data="-o", model="a=b,c:{d}\u202e\u200f")
@example(defect="=1+1 [red]a[/red] 'b'", data="良品でない 🙂 Größe", model='"c" $HOME `ls`')
@example(defect="null", data="1.10", model="${oc.env:HOME}")
@example(defect="\x1b[31mred\x07", data=" spaces ", model="\x1b[31mred\x07\n")
def test_every_name_goes_through_all_commands(defect, data, model, walk, plain_tags):
    if not plain_tags:
        _, root = walk("plain", "simple", "ordinary")
        plain_tags.update(tags_of(root))
    printed, root = walk(defect, data, model)
    shown = "".join(printed)
    assert "Traceback" not in shown
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)
    for page, tags in tags_of(root).items():
        assert tags <= plain_tags[page], page
    kept = {"in", "runs", "measured", "models", "again", "found"}
    assert {path.name for path in root.iterdir()} <= {*kept, data}
    for folder in kept - {"in"}:
        for path in (root / folder).glob("*"):
            assert path.name in {model, f"{model}.tflite"}, path
    shutil.rmtree(root)
