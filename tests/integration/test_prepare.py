import csv
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cells(table: str) -> list[list[str]]:
    """The table's rows of numbers, without its lines."""
    lines = [line.replace("│", " ").split() for line in table.splitlines()]
    return [line for line in lines if len(line) == 5 and line[-1].isdigit()]


def test_a_folder_is_prepared_and_counted(invoke, drawn_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = invoke("prepare", drawn_folder, out)
    assert ended.exit_code == 0
    assert cells(ended.out) == [
        ["good", "8", "2", "2", "12"],
        *([defect, "2", "1", "1", "4"] for defect in ("crack", "faulty_imprint", "poke")),
        *([defect, "2", "1", "1", "4"] for defect in ("scratch", "squeeze")),
        ["all", "18", "7", "7", "32"],
    ]
    (last,) = ended.err.splitlines()
    page = out / "dataset.html"
    assert last.startswith(f"Wrote 32 pictures to {out / 'manifest.csv'}, and the page {page}, in ")
    assert "Data set of 32 pictures" in page.read_text(encoding="utf-8")
    assert last.endswith(f" s. Next: capsule-inspect train --data {out}")
    assert len(rows(out)) == 32


def test_overrides_change_shares_and_make_folds(invoke, drawn_folder: Path, tmp_path: Path) -> None:
    arguments = ["data.val=0.25", "data.test=0", "data.folds=4", "data.seed=3"]
    ended = invoke("prepare", drawn_folder, tmp_path / "out", *arguments)
    assert ended.exit_code == 0
    assert cells(ended.out)[-1] == ["all", "24", "8", "0", "32"]
    assert "Pictures per fold: 0: 8, 1: 8, 2: 8, 3: 8" in ended.out
    assert Counter(row["fold"] for row in rows(tmp_path / "out")) == dict.fromkeys("0123", 8)


def test_drawn_capsules_are_prepared(invoke, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = invoke("prepare", "drawn", out, "data.count=10", "data.seed=7", "data.size=200")
    assert ended.exit_code == 0
    assert "Warning: Classes of fewer than 3 distinct pictures" in ended.err
    assert Counter(row["label"] for row in rows(out)) == {
        "good": 5,
        **dict.fromkeys(("crack", "faulty_imprint", "poke", "scratch", "squeeze"), 1),
    }
    assert len(list((out / "pictures").iterdir())) == 10
    assert len(list((out / "masks").iterdir())) == 5


def test_all_problems_are_listed_and_nothing_is_written(
    invoke, drawn_folder: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(drawn_folder, source)
    (source / "train/good/000.png").write_bytes(b"")
    (source / "ground_truth/crack/012_mask.png").write_text("text")
    (source / "test/good/copy.png").write_bytes((source / "train/good/001.png").read_bytes())
    ended = invoke("prepare", source, out)
    assert ended.exit_code == 2
    assert ended.out == ""
    *problems, last = ended.err.splitlines()
    assert [line.split(": ")[:2] for line in problems] == [
        ["Warning", "train/good/001.png"],
        ["Problem", "ground_truth/crack/012_mask.png"],
        ["Problem", "train/good/000.png"],
    ]
    assert last.startswith("Error: ")
    assert "2 problems" in last
    assert not out.exists()

    ended = invoke("prepare", source, out, "--skip-bad")
    assert ended.exit_code == 0
    assert [line.split(": ")[0] for line in ended.err.splitlines()[:3]] == [
        "Warning",
        "Left out",
        "Left out",
    ]
    assert cells(ended.out)[-1][-1] == "31"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere", "out"], "'nowhere' does not exist"),
        (["drawn", "."], "is not empty"),
        (["drawn", "out", "data.cont=3"], "Did you mean 'data.count'?"),
        (["drawn", "out", "data.val=0.9"], "data.val + data.test is 1.05, but must be below 1."),
        (["./drawn", "out"], "'drawn' does not exist"),
    ],
)
def test_bad_usage_is_one_sentence(
    invoke, tmp_path: Path, monkeypatch, arguments: list[str], complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note.txt").touch()
    ended = invoke("prepare", *arguments)
    assert ended.exit_code == 2
    (line,) = ended.err.splitlines()
    assert line.startswith("Error: ")
    assert complaint in line
    assert not (tmp_path / "out").exists()


def test_the_settings_are_shown(invoke, tmp_path: Path) -> None:
    ended = invoke("prepare", "drawn", tmp_path / "out", "data.count=31", "--print-config")
    assert ended.exit_code == 0
    assert "  count: 31\n" in ended.out
    assert not (tmp_path / "out").exists()


def test_the_light_install_is_enough(modules_after, drawn_folder: Path, tmp_path: Path) -> None:
    heavy = {"tensorflow", "keras", "sklearn", "optuna", "matplotlib", "hydra", "omegaconf"}
    assert not modules_after("prepare", drawn_folder, tmp_path / "out") & heavy


@pytest.mark.slow
def test_real_pictures_give_the_same_manifest_from_a_copy(
    invoke, real_data: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    # Class by class from the last: other order, other dates.
    for path in sorted(real_data.rglob("*.*"), reverse=True):
        if path.is_file():
            target = copy / path.relative_to(real_data)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    for source, out in ((real_data, tmp_path / "a"), (copy, tmp_path / "b")):
        ended = invoke("prepare", source, out)
        assert ended.exit_code == 0
        assert "Problem" not in ended.err
    first = (tmp_path / "a/manifest.csv").read_bytes()
    assert first == (tmp_path / "b/manifest.csv").read_bytes()
    written = rows(tmp_path / "a")
    assert len(written) == len({row["sha256"] for row in written}) == 298
    assert Counter(row["label"] for row in written) == {
        "good": 206,
        "crack": 19,
        "faulty_imprint": 19,
        "poke": 18,
        "scratch": 19,
        "squeeze": 17,
    }


@pytest.mark.parametrize(
    ("lying", "settings"),
    [
        (0, "experiment=whole_picture\n"),
        (3, "experiment=whole_picture model.roi.mode=whole\n"),
    ],
)
def test_pictures_of_both_shapes_need_a_square_window(
    invoke, save_picture, tmp_path, lying, settings
):
    for number in range(12):
        size = (40, 60) if number < lying else (60, 40)
        values = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        save_picture(tmp_path / f"in/{'good' if number % 2 else 'dent'}/{number}.png", values)
    done = invoke("prepare", tmp_path / "in", tmp_path / "out", "--no-page")
    assert done.exit_code == 0, done.err
    assert done.err.endswith(settings)
