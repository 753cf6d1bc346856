"""The same pictures give the same results, however they are worked on."""

from pathlib import Path

import numpy as np
import pytest

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.inference.records import read_records


@pytest.fixture(scope="module")
def folder(tmp_path_factory, save_picture):
    folder = tmp_path_factory.mktemp("capsules")
    for number, label in enumerate(("good", *DEFECTS) * 2):
        picture = draw_capsule(label, (77, number), 500).picture
        save_picture(folder / f"{number:02}.{'jpg' if number % 3 else 'png'}", picture)
    two = np.hstack([draw_capsule(label, (78, 0), 400).picture for label in ("good", "poke")])
    save_picture(folder / "two.png", two)
    (folder / "bad.png").write_bytes(b"none")
    return folder


def files(out: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(out)): file.read_bytes()
        for file in out.rglob("*")
        if file.is_file() and file.name not in {".lock", "run.json"}
    }


def test_jobs_and_repetition_change_nothing(folder, tmp_path, invoke):
    results = []
    for number, jobs in enumerate((1, 2, 2, 5)):
        out = tmp_path / str(number)
        assert invoke("predict", folder, "-o", out, "--masks", "-j", jobs, "-q").exit_code == 3
        results.append(files(out))
    assert len(results[0]) == 2 + 13 + 13
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("choice", ["none", "defects"])
def test_what_is_drawn_changes_no_other_cell(choice, folder, tmp_path, invoke):
    for name, option in (("all", "all"), ("other", choice)):
        invoke("predict", folder, "-o", tmp_path / name, "--overlays", option, "--masks")
    drawn, other = (
        [vars(row) for row in read_records(tmp_path / name / "predictions.csv")]
        for name in ("all", "other")
    )
    for one, two in zip(drawn, other, strict=True):
        has_overlay = two.pop("overlay") != ""
        assert one.pop("overlay") or one["status"] == "error"
        assert one == two
        if choice == "defects" and one["status"] == "ok" and "two.png" not in one["path"]:
            assert has_overlay == (one["label"] != "good")
        assert choice == "defects" or not has_overlay
    for name in ("all", "other"):
        assert (tmp_path / name / "masks/two.png.png").is_file()


@pytest.mark.parametrize("overlay_format", ["jpg", "webp"])
def test_overlays_in_other_formats_carry_their_extension(overlay_format, folder, tmp_path, invoke):
    invoke("predict", folder, "-o", tmp_path, "--overlay-format", overlay_format)
    overlays = {row.overlay for row in read_records(tmp_path / "predictions.csv")} - {""}
    assert len(overlays) == 13
    assert all(overlay.endswith(f".{overlay_format}") for overlay in overlays)
    assert all((tmp_path / overlay).is_file() for overlay in overlays)
