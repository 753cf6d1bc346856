"""Annotations of whole runs: files of each format, killed and resumed runs, and verification."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI

from capsule_inspect.choices import AnnotationFormat
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.inference.annotations.files import refuse_shared_names
from capsule_inspect.inference.batch import inspect_batch, run_settings
from capsule_inspect.inference.inputs import expand_inputs
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.results_folder import open_results
from capsule_inspect.inference.verify import verify_results
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs

FORMATS = ("coco", "labelme", "yolo", "cvat")


def see_crack(_window):
    mask_logits = np.zeros((96, 240, 2), np.float32)
    mask_logits[24:72, 60:180, 1] = 9
    return Outputs(np.array([0, 5], np.float32), mask_logits)


INSPECTOR = Inspector(
    see_crack, ("good", "crack"), CAPSULE_ROI, OperatingPoint(), model_sha256="a" * 64
)


def inspect(pictures: Path, out: Path, kind: AnnotationFormat | None, how="refuse", **more) -> None:
    options = InspectOptions("none", annotations=kind)
    found = expand_inputs([str(pictures)], recursive=True)
    with open_results(out, run_settings(INSPECTOR, options), how) as results:
        inspect_batch(INSPECTOR, found, results, options, **more)


def content(out: Path) -> dict[str, bytes]:
    files = (file for file in out.rglob("*") if file.is_file() and file.name[0] != ".")
    return {file.relative_to(out).as_posix(): file.read_bytes() for file in files}


def stop_after(count: int):
    """Interrupts a run when so many pictures are done."""
    done: list[object] = []

    def on_picture(records) -> None:
        done.append(records)
        if len(done) == count:
            raise KeyboardInterrupt

    return on_picture


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Pictures of one, two and no capsules, and a file that is no picture."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    one, two = (draw_capsule("good", seed, 200).picture for seed in (1, 2))
    for name, picture in (
        ("a.png", one),
        ("c.png", np.full((200, 200, 3), 210, np.uint8)),
        ("sub/a.png", np.hstack([one, two])),
        ("sub/e.png", two),
    ):
        assert cv2.imwrite(str(folder / name), picture)
    (folder / "b.png").write_text("none")
    return folder


EXPECTED = {
    "coco": {"annotations.json"},
    "labelme": {"a.json", "c.json", "sub/a.json", "sub/e.json"},
    "yolo": {
        "data.yaml",
        "labels/a.txt",
        "labels/c.txt",
        "labels/sub/a.txt",
        "labels/sub/e.txt",
    },
    "cvat": {"annotations.xml"},
}


@pytest.mark.parametrize("kind", FORMATS)
def test_each_picture_that_was_read_is_annotated(pictures, tmp_path, kind):
    inspect(pictures, tmp_path / "out", kind, jobs=3)
    folder = tmp_path / "out/annotations"
    assert set(content(folder)) == EXPECTED[kind]
    assert verify_results(tmp_path / "out").problems == ()
    assert json.loads((tmp_path / "out/run.json").read_text())["annotations"] == kind


def test_the_counts_in_coco_are_those_of_the_rows(pictures, tmp_path):
    inspect(pictures, tmp_path / "out", "coco")
    document = json.loads((tmp_path / "out/annotations/annotations.json").read_text())
    assert [each["file_name"] for each in document["images"]] == [
        "a.png",
        "c.png",
        "sub/a.png",
        "sub/e.png",
    ]
    assert [each["image_id"] for each in document["annotations"]] == [1, 3, 3, 4]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_stopped_and_resumed_run_is_like_one_in_one_piece(pictures, tmp_path, kind, count):
    inspect(pictures, tmp_path / "whole", kind)
    with pytest.raises(InterruptedRunError):
        inspect(pictures, tmp_path / "out", kind, on_picture=stop_after(count))
    assert not (tmp_path / "out/annotations").exists()
    inspect(pictures, tmp_path / "out", kind, "resume", jobs=2)
    assert content(tmp_path / "out") == content(tmp_path / "whole")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_mended_picture_is_added_in_its_place(pictures, tmp_path, kind):
    inspect(pictures, tmp_path / "out", kind)
    shutil.copy(pictures / "a.png", pictures / "b.png")
    inspect(pictures, tmp_path / "out", kind, "resume")
    inspect(pictures, tmp_path / "whole", kind)
    assert content(tmp_path / "out") == content(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["missing", "cut", "no end", "zeros", "of another", "edited"])
def test_lost_lines_are_made_again(pictures, tmp_path, damage):
    inspect(pictures, tmp_path / "out", "coco")
    before = content(tmp_path / "out")
    file = tmp_path / "out/annotations.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    (tmp_path / "out/annotations.sha256").unlink()
    shutil.rmtree(tmp_path / "out/annotations")
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(b"".join(lines)[:-9])
    elif damage == "no end":
        file.write_bytes(b"".join(lines[:2])[:-1])
    elif damage == "edited":
        file.write_bytes(lines[0].replace(b'"size":[200', b'"size":[ 200') + b"".join(lines[1:]))
    elif damage == "zeros":
        file.write_bytes(lines[0] + b"\0" * 50)
    else:
        file.write_bytes(lines[0] + lines[0])
    inspect(pictures, tmp_path / "out", "coco", "resume")
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_corrections_are_never_overwritten(pictures, tmp_path, how):
    inspect(pictures, tmp_path / "out", "labelme")
    file = tmp_path / "out/annotations/sub/a.json"
    file.write_text("corrected")
    before = content(tmp_path / "out")
    with pytest.raises(UsageError, match=r"sub/a\.json' was edited.*Move"):
        inspect(pictures, tmp_path / "out", "labelme", how)
    assert content(tmp_path / "out") == before
    file.unlink()
    inspect(pictures, tmp_path / "out", "labelme", how)
    assert verify_results(tmp_path / "out").problems == ()


def test_overwriting_removes_what_the_run_wrote_and_nothing_else(pictures, tmp_path):
    inspect(pictures, tmp_path / "out", "yolo")
    own = tmp_path / "out/annotations/images/a.png"
    own.parent.mkdir()
    shutil.copy(pictures / "a.png", own)
    inspect(pictures, tmp_path / "out", None, "overwrite")
    assert set(content(tmp_path / "out")) == {
        "annotations/images/a.png",
        "digests.csv",
        "predictions.csv",
        "run.json",
    }
    assert verify_results(tmp_path / "out").problems == ("'annotations/images/a.png' was added.",)


def test_a_list_that_leads_out_removes_nothing(pictures, tmp_path):
    inspect(pictures, tmp_path / "out", "coco")
    file = tmp_path / "mine.txt"
    file.write_text("mine")
    with (tmp_path / "out/annotations.sha256").open("a") as digests:
        for name in ("../mine.txt", "annotations/../../mine.txt", str(file)):
            digests.write(f"{'0' * 64}  {name}\n")
    inspect(pictures, tmp_path / "out", "coco", "overwrite")
    assert file.read_text() == "mine"


def test_another_format_is_another_run(pictures, tmp_path):
    inspect(pictures, tmp_path / "out", "coco")
    with pytest.raises(UsageError, match="annotations was coco, now yolo"):
        inspect(pictures, tmp_path / "out", "yolo", "resume")


def replace_by_link(out: Path, name: str) -> None:
    elsewhere = out.with_name("elsewhere")
    (out / name).replace(elsewhere)
    (out / name).symlink_to(elsewhere)


def edit(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"crack", b"good"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda out: edit(out / "annotations/a.json"), "'annotations/a.json' was edited."),
        (lambda out: (out / "annotations/c.json").unlink(), "'annotations/c.json' was removed."),
        (
            lambda out: (out / "annotations/sub/new.json").write_text("{}"),
            "'annotations/sub/new.json' was added.",
        ),
        (lambda out: edit(out / "annotations.jsonl"), "'annotations.jsonl' was edited."),
        (
            lambda out: (out / "annotations.sha256").write_text(""),
            "annotations.sha256 was edited, so the annotations cannot be verified.",
        ),
        (
            lambda out: (out / "annotations.sha256").unlink(),
            "annotations.sha256 was removed, so the annotations cannot be verified.",
        ),
        (
            lambda out: replace_by_link(out, "annotations/c.json"),
            "'annotations/c.json' was replaced by a link.",
        ),
        (
            lambda out: replace_by_link(out, "annotations"),
            "'annotations' was replaced by a link.",
        ),
    ],
)
def test_what_was_changed_is_named(pictures, tmp_path, change, said):
    inspect(pictures, tmp_path / "out", "labelme")
    change(tmp_path / "out")
    assert verify_results(tmp_path / "out").problems == (said,)


def named(*names: str) -> Iterator[SimpleNamespace]:
    return (SimpleNamespace(name=name, path=f"in/{name}") for name in names)


@pytest.mark.parametrize(
    "names",
    [("a.jpg", "a.png"), ("sub/a.jpg", "SUB/A.png"), ("a.png", "a.json/b.png", "a.txt/b.png")],
)
def test_pictures_that_would_share_a_file_are_refused(names):
    for kind in ("labelme", "yolo"):
        with pytest.raises(UsageError, match=r"would share the file.*coco or cvat"):
            refuse_shared_names(tuple(named(*names)), kind)
    for kind in ("coco", "cvat"):
        refuse_shared_names(tuple(named(*names)), kind)


def test_pictures_of_other_folders_share_no_file():
    refuse_shared_names(tuple(named("a.png", "sub/a.png", "a.b.png", "a/b.png")), "labelme")
