import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.inference.annotations.listed import digest_line
from capsule_inspect.inference.batch import inspect_batch, run_settings
from capsule_inspect.inference.digests import DigestWriter, read_chain
from capsule_inspect.inference.inputs import expand_inputs
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.results_folder import ResultsFolder, open_results
from capsule_inspect.inference.verify import verify_results
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs

OPTIONS = InspectOptions(masks=True, overlay_format="jpg")


def see_crack(_window):
    mask_logits = np.zeros((96, 240, 2), np.float32)
    mask_logits[24:72, 60:180, 1] = 9
    return Outputs(np.array([0, 5], np.float32), mask_logits)


INSPECTOR = Inspector(
    see_crack, ("good", "crack"), CAPSULE_ROI, OperatingPoint(), model_sha256="a" * 64
)


def inspect(pictures: Path, out: Path, on_existing="refuse", **more) -> None:
    found = expand_inputs([str(pictures)], recursive=True)
    with open_results(out, run_settings(INSPECTOR, OPTIONS), on_existing) as results:
        inspect_batch(INSPECTOR, found, results, OPTIONS, **more)
        with results.sealed_again():
            results.report.write_text("<html>", encoding="utf-8")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Three pictures of one, two and no capsules, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("pictures")
    one, two = (draw_capsule("good", seed, 200).picture for seed in (1, 2))
    for name, picture in (
        ("a.png", one),
        ("b.png", np.hstack([one, two])),
        ("c.png", np.full((200, 200, 3), 210, np.uint8)),
    ):
        assert cv2.imwrite(str(folder / name), picture)
    (folder / "d.png").write_text("none")
    return folder


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    inspect(pictures, out)
    return out


@pytest.fixture
def out(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "out"))


def problems(out: Path, **more) -> list[str]:
    return list(verify_results(out, **more).problems)


def test_an_untouched_folder_passes(whole):
    found = verify_results(whole, "a" * 64, inputs=True)
    assert found.problems == ()
    assert (found.pictures, found.unread_inputs) == (4, 0)
    assert found.seal == json.loads((whole / "run.json").read_text())["digests"]["run"]


def test_another_model_is_named(whole):
    (said,) = problems(whole, model_sha256="b" * 64)
    assert "another model" in said
    assert "a" * 64 in said


def lines_of(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)


def edit_row(out: Path) -> None:
    file = out / "predictions.csv"
    lines = lines_of(file)
    lines[1] = lines[1].replace(b"crack", b"good", 1)
    file.write_bytes(b"".join(lines))


def remove_row(out: Path) -> None:
    file = out / "predictions.csv"
    lines = lines_of(file)
    file.write_bytes(b"".join(lines[:1] + lines[2:]))


def remove_one_of_two_rows(out: Path) -> None:
    file = out / "predictions.csv"
    lines = lines_of(file)
    file.write_bytes(b"".join(lines[:2] + lines[3:]))


def add_row(out: Path) -> None:
    file = out / "predictions.csv"
    lines = lines_of(file)
    file.write_bytes(b"".join([*lines, lines[1].replace(b"a.png", b"z.png", 1)]))


def move_rows(out: Path) -> None:
    file = out / "predictions.csv"
    head, first, *others = lines_of(file)
    file.write_bytes(b"".join([head, *others, first]))


def cut_rows(out: Path) -> None:
    file = out / "predictions.csv"
    file.write_bytes(file.read_bytes() + b"half a line")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit_row, ["The rows of '*a.png' in predictions.csv were edited."]),
        (remove_row, ["The rows of '*a.png' were removed from predictions.csv."]),
        (remove_one_of_two_rows, ["The rows of '*b.png' in predictions.csv were edited."]),
        (add_row, ["Rows of '*z.png' were added to predictions.csv."]),
        (move_rows, ["Rows of predictions.csv were moved or repeated, first those of '*b.png'."]),
        (cut_rows, ["predictions.csv was edited at line 7: from there on it cannot be read."]),
        (lambda out: (out / "predictions.csv").unlink(), ["predictions.csv was removed."]),
        (lambda out: (out / "overlays/a.png.jpg").unlink(), ["'overlays/a.png.jpg' was removed."]),
        (lambda out: (out / "masks/b.png.png").write_bytes(b""), ["'masks/b.png.png' was edited."]),
        (lambda out: (out / "masks/x.png").write_bytes(b""), ["'masks/x.png' was added."]),
        (lambda out: (out / "report.html").write_text("<html >"), ["report.html was edited."]),
        (lambda out: (out / "report.html").unlink(), ["report.html was removed."]),
        (lambda out: (out / "run.json").unlink(), ["run.json was removed."]),
    ],
)
def test_what_was_done_is_named(out, pictures, change: Callable[[Path], None], said):
    change(out)
    assert problems(out) == [each.replace("*", f"{pictures}/") for each in said]


@pytest.mark.parametrize("key", ["threshold", "classes", "model", "digests"])
def test_edited_settings_are_named(out, key):
    run = json.loads((out / "run.json").read_text())
    run[key] = "other"
    (out / "run.json").write_text(json.dumps(run, indent=2) + "\n")
    assert "run.json was edited." in problems(out)


def test_digests_that_were_edited_with_their_rows_are_named(out):
    edit_row(out)
    lines = lines_of(out / "digests.csv")
    lines[1] = lines[1].replace(b",", b",0", 2)
    (out / "digests.csv").write_bytes(b"".join(lines))
    (said,) = problems(out)
    assert "digests.csv was edited at line 2" in said


def test_a_picture_that_was_removed_with_its_digests_is_noticed(out):
    for name in ("predictions.csv", "digests.csv"):
        lines = lines_of(out / name)
        (out / name).write_bytes(b"".join(lines[:-1]))
    (said,) = problems(out)
    assert "ends with 3 pictures, but run.json seals 4" in said


def test_inspected_pictures_are_compared_on_request(tmp_path, pictures):
    moved = Path(shutil.copytree(pictures, tmp_path / "in"))
    inspect(moved, tmp_path / "out")
    (moved / "a.png").write_bytes((moved / "b.png").read_bytes())
    (moved / "c.png").unlink()
    assert verify_results(tmp_path / "out").problems == ()
    found = verify_results(tmp_path / "out", inputs=True)
    assert found.problems == (
        f"'{moved}/a.png' is another picture than the one that was inspected.",
    )
    assert found.unread_inputs == 1


def test_a_run_that_was_resumed_passes(pictures, whole, tmp_path):
    out = tmp_path / "out"

    def stop(records):
        if records[0].path.endswith("b.png"):
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError):
        inspect(pictures, out, on_picture=stop)
    with pytest.raises(UsageError, match=r"has no seal.*--resume"):
        verify_results(out)
    for _ in range(2):  # once more when there is nothing left to do but the unreadable file
        inspect(pictures, out, "resume")
        assert problems(out) == []
        assert (out / "digests.csv").read_bytes() == (whole / "digests.csv").read_bytes()


def test_digests_that_were_made_anew_do_not_fit_the_seal(out):
    edit_row(out)
    chain = read_chain(out / "digests.csv")
    rows = lines_of(out / "predictions.csv")[1]
    changed = replace(chain.pictures[0], rows_sha256=hashlib.sha256(rows).hexdigest())
    with DigestWriter(out / "digests.csv", chain, 0) as writer:
        for digests in (changed, *chain.pictures[1:]):
            writer.write(digests)
    assert problems(out) == ["digests.csv was made anew: run.json seals other digests."]


def test_without_digests_nothing_else_is_called_added(out):
    (out / "digests.csv").unlink()
    assert problems(out) == ["digests.csv was removed."]


def test_an_edited_heading_of_the_digests_is_named(out):
    file = out / "digests.csv"
    file.write_bytes(file.read_bytes().replace(b"path", b"Path", 1))
    assert problems(out) == ["The first line of digests.csv was edited."]


def test_links_among_overlays_are_named(out):
    (out / "overlays/evil").symlink_to("/etc")
    assert problems(out) == ["'overlays/evil' was added."]


def test_an_overlay_that_is_a_link_is_named(out, tmp_path):
    overlay = next(file for file in sorted((out / "overlays").rglob("*")) if file.is_file())
    overlay.replace(tmp_path / "elsewhere")
    overlay.symlink_to(tmp_path / "elsewhere")
    name = overlay.relative_to(out).as_posix()
    assert problems(out) == [f"'{name}' was replaced by a link."]
    overlay.unlink()
    (tmp_path / "elsewhere").replace(overlay)
    (out / "overlays").replace(tmp_path / "moved")
    (out / "overlays").symlink_to(tmp_path / "moved")
    assert problems(out) == ["'overlays' was replaced by a link."]


@pytest.mark.parametrize(
    ("within", "listed_by"), [("rows", "rows.sha256"), ("annotations", "annotations.sha256")]
)
def test_lists_and_files_of_another_run_are_named(out, within, listed_by):
    file = out / within / "part-00000"
    file.parent.mkdir()
    file.write_bytes(b"rows")
    (out / listed_by).write_bytes(digest_line(hashlib.sha256(b"rows").hexdigest(), file.name))
    said = [f"'{listed_by}' was added.", f"'{within}/part-00000' was added."]
    assert problems(out) == said
    file.unlink()
    file.parent.rmdir()
    (out / within).symlink_to("/etc")
    assert problems(out) == [said[0], f"'{within}' was added."]


def test_settings_nested_too_deeply_are_edited(out):
    (out / "run.json").write_text("[" * 200_000)
    assert "run.json was edited." in problems(out)


def test_without_settings_no_model_is_compared(out):
    (out / "run.json").unlink()
    assert problems(out, model_sha256="b" * 64) == ["run.json was removed."]


@pytest.mark.parametrize("name", ["predictions.csv", "digests.csv", "report.html"])
def test_a_folder_in_the_place_of_a_file_is_a_removed_file(out, name):
    (out / name).unlink()
    (out / name).mkdir()
    assert f"{name} was removed." in problems(out)


def test_repeated_rows_and_empty_lines_are_named(out, pictures):
    file = out / "predictions.csv"
    head, *others = lines_of(file)
    file.write_bytes(b"".join([head, *others, *others]))
    assert problems(out) == [
        f"Rows of predictions.csv were moved or repeated, first those of '{pictures}/a.png'."
    ]
    file.write_bytes(b"".join([head, *others, b"\n"]))
    assert problems(out) == ["Lines without a path were added to predictions.csv."]


def test_a_path_of_any_length_is_refused_in_a_sentence():
    with pytest.raises(UsageError, match="cannot be read: File name too long"):
        verify_results(Path("a" * 300))


def test_inspected_pictures_of_any_name_are_compared(pictures, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(pictures / "a.png", os.fsdecode(os.fsencode(folder) + b"/bad\xfe.png"))
    inspect(folder, tmp_path / "out")
    found = verify_results(tmp_path / "out", inputs=True)
    assert (found.problems, found.unread_inputs) == ((), 0)


def test_what_a_resumed_run_replaces_is_removed_from_the_folder(pictures, tmp_path):
    moved, out = Path(shutil.copytree(pictures, tmp_path / "in")), tmp_path / "out"
    inspect(moved, out)
    (moved / "c.png").write_text("no picture any more")
    (moved / "d.png").unlink()
    lines = lines_of(out / "predictions.csv")
    (out / "predictions.csv").write_bytes(b"".join(lines[:-2]))
    inspect(moved, out, "resume")
    assert problems(out) == []
    assert not (out / "overlays/c.png.jpg").exists()


@pytest.mark.parametrize("loss", ["all", "the last lines", "the middle"])
def test_rows_whose_digests_are_lost_are_kept(pictures, tmp_path, loss):
    moved, out = Path(shutil.copytree(pictures, tmp_path / "in")), tmp_path / "out"
    inspect(moved, out)
    rows = (out / "predictions.csv").read_bytes()
    lines = lines_of(out / "digests.csv")
    kept = {"all": [], "the last lines": lines[:2], "the middle": [*lines[:2], *lines[3:]]}
    (out / "digests.csv").write_bytes(b"".join(kept[loss]))
    for name in ("a.png", "b.png"):
        (moved / name).write_text("gone")
    with open_results(out, run_settings(INSPECTOR, OPTIONS), "resume") as results:
        found = expand_inputs([str(moved)], recursive=True)
        inspect_batch(INSPECTOR, found, results, OPTIONS)
    assert (out / "predictions.csv").read_bytes() == rows
    assert problems(out) == []


def test_a_run_that_is_stopped_while_it_writes_the_report_is_not_finished(pictures, out):
    found = expand_inputs([str(pictures)], recursive=True)
    with open_results(out, run_settings(INSPECTOR, OPTIONS), "resume") as results:
        inspect_batch(INSPECTOR, found, results, OPTIONS)
        assert results.read_seal() is not None
        with pytest.raises(KeyboardInterrupt), results.sealed_again():
            raise KeyboardInterrupt
    with pytest.raises(UsageError, match="has no seal"):
        verify_results(out)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no run\.json"):
        verify_results(tmp_path)


def test_every_one_of_1000_random_edits_is_found(out):
    random = np.random.default_rng(11)
    files = sorted(f for f in out.rglob("*") if f.is_file() and f.name != ".lock")
    contents = {file: file.read_bytes() for file in files}
    assert len(files) == 10
    for number in range(1000):
        file = files[random.integers(len(files))]
        file.write_bytes(changed(contents[file], random))
        if random.random() < 0.1:
            file.unlink()
        assert is_found(out), (number, file)
        file.write_bytes(contents[file])
    assert problems(out) == []


def changed(data: bytes, random: np.random.Generator) -> bytes:
    """Returns other bytes: one flipped, some removed, added or repeated, or lines in disorder."""
    new = data
    while new == data:
        at, some = int(random.integers(len(data))), int(random.integers(1, 9))
        lines = data.splitlines(keepends=True)
        edits = [
            data[:at] + bytes([data[at] ^ 1 << (some - 1)]) + data[at + 1 :],
            data[:at],
            data[:at] + data[at + some :],
            data[:at] + random.bytes(some) + data[at:],
            data + data[at:],
            b"".join(lines[i] for i in random.permutation(len(lines))),
            b"".join(line for line in lines if random.random() < 0.8),
            b"".join(line * int(random.choice([1, 1, 2])) for line in lines),
            data + b"\n",
            b"",
        ]
        new = edits[random.integers(len(edits))]
    return new


def is_found(out: Path) -> bool:
    try:
        return bool(problems(out))
    except UsageError as error:
        return "no seal" in str(error)


def test_the_seal_of_one_run_does_not_fit_another(out, pictures, tmp_path):
    other = tmp_path / "other"
    settings = replace(run_settings(INSPECTOR, OPTIONS), threshold=0.9)
    with open_results(other, settings) as results:
        inspect_batch(INSPECTOR, expand_inputs([str(pictures)], recursive=True), results, OPTIONS)
    run, seal = ResultsFolder(other).read_run(), ResultsFolder(out).read_run()["digests"]
    (out / "run.json").write_text(json.dumps({**run, "digests": seal}, indent=2) + "\n")
    assert "run.json was edited." in problems(out)
