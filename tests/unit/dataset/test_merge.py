import csv
import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.dataset.merge import add_to_dataset
from capsule_inspect.dataset.pixel_hash import hash_picture
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.dataset.problems import UnfitDataError
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.files import hash_file
from capsule_inspect.folder_lock import FolderLock
from capsule_inspect.imaging.read import read_picture
from capsule_inspect.inference.corrections import Correction, CorrectionLog
from capsule_inspect.settings.groups import DataSettings

SETTINGS = DataSettings()


@pytest.fixture
def source(tmp_path, save_picture):
    """A folder per class, with masks; every picture is another one."""
    draw = np.random.default_rng(5)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:9, 5:9] = 255
    for label, count in (("good", 10), ("crack", 6), ("scratch", 6)):
        for n in range(count):
            picture = draw.integers(0, 255, (20, 30, 3), np.uint8)
            save_picture(tmp_path / f"source/{label}/{label}{n}.png", picture)
            if label != "good":
                save_picture(tmp_path / f"source/masks/{label}/{label}{n}.png", mask)
    return tmp_path / "source"


@pytest.fixture
def folder(source, tmp_path):
    prepare_dataset(source, tmp_path / "data", DataSettings(folds=3))
    return tmp_path / "data"


@pytest.fixture
def add(folder, tmp_path):
    """Judges files and adds the judgements; returns the merge and the samples by path."""

    def run(labels: dict[Path, str], skip_bad=False, settings=SETTINGS):
        (tmp_path / "results").mkdir(exist_ok=True)
        log = CorrectionLog(tmp_path / "results/corrections.csv")
        for file, label in labels.items():
            digest = hash_file(file) if file.exists() else "0" * 64
            log.append(Correction("t", "Anna", str(file), 0, 1, digest, "good", 0.3, label))
        log.close()
        merged = add_to_dataset(tmp_path / "results", folder, settings, skip_bad)
        data = read_dataset(folder)
        assert data == merged.data
        return merged, {sample.path: sample for sample in data.samples}

    return run


@pytest.fixture
def new(tmp_path, save_picture):
    def make(name: str, seed: int = 1) -> Path:
        picture = np.random.default_rng(seed).integers(0, 255, (20, 30, 3), np.uint8)
        return save_picture(tmp_path / name, picture)

    return make


def of_split(folder, label, split):
    return next(s for s in read_dataset(folder).of_split(split) if s.label == label)


def files_in(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != ".lock"
    }


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_picture_of_the_set_keeps_split_and_fold(add, folder, source, split):
    before = of_split(folder, "good", split)
    merged, samples = add({source / before.path: "crack"})
    assert samples[before.path] == replace(before, label="crack")
    others = {path: s for path, s in samples.items() if path != before.path}
    assert others == {s.path: s for s in merged.data.samples if s.path != before.path}
    messages = [problem.message for problem in merged.problems]
    assert messages == (
        ["Its label changes in the test split: compare no figure with one from before."]
        if split == "test"
        else []
    )


def test_a_mask_stays_true_between_defects_and_not_otherwise(add, folder, source):
    one, other = [s for s in read_dataset(folder).samples if s.label == "crack"][:2]
    merged, samples = add({source / one.path: "scratch", source / other.path: "good"})
    assert samples[one.path] == replace(one, label="scratch")
    assert samples[other.path] == replace(other, label="good", mask="", mask_sha256="")
    assert [change.old_mask for change in merged.changes] == ["", other.mask]
    assert (source / other.mask).exists()


def test_a_copy_elsewhere_is_known_by_its_pixels(add, folder, source, tmp_path, save_picture):
    before = of_split(folder, "good", "val")
    copy = save_picture(tmp_path / "copy.bmp", read_picture(source / before.path))
    merged, samples = add({copy: "scratch"})
    assert len(samples) == 22
    assert samples[before.path].label == "scratch"
    assert merged.changes[0].path == before.path


def test_a_new_picture_is_copied_and_gets_a_split(add, folder, new, tmp_path):
    files = {new(f"line/{n}.png", 100 + n): "crack" for n in range(20)}
    before = {file: file.read_bytes() for file in files}
    merged, samples = add(files)
    assert {file: file.read_bytes() for file in files} == before
    added = {path: s for path, s in samples.items() if path.startswith("corrected/")}
    assert len(added) == 20
    assert {s.split for s in added.values()} == {"train", "val", "test"}
    assert {s.fold for s in added.values()} == {0, 1, 2}
    assert all(s.mask == "" and s.label == "crack" for s in added.values())
    data = read_dataset(folder)
    for sample in added.values():
        picture, mask = data.read(sample)
        assert hash_picture(picture) == sample.sha256
        assert mask is None
    assert len(merged.changes) == 20
    assert all(change.is_new for change in merged.changes)
    moved = folder.rename(tmp_path / "moved")
    assert read_dataset(moved).read_picture(sample).shape == (20, 30, 3)


def test_a_new_picture_below_the_root_stays_where_it_is(add, folder, new):
    _, samples = add({new("source/late/x.png"): "scratch"})
    assert samples["late/x.png"].label == "scratch"
    assert not (folder / "corrected").exists()
    assert "corrected_root" not in (folder / "dataset.json").read_text()


@pytest.mark.parametrize("name", ["a\nb.png", " x .png", "=1+1.png", "é'\".png", "con.png"])
def test_hostile_names_become_safe_ones(add, folder, new, name):
    _, samples = add({new(f"in/{name}"): "crack"})
    (path,) = [path for path in samples if path.startswith("corrected/")]
    assert "\n" not in path
    assert read_dataset(folder).read_picture(samples[path]).shape == (20, 30, 3)
    with (folder / "history.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["path"].removeprefix("'") == path
    assert row["picture"].endswith(name)


def test_names_that_differ_in_case_alone_get_files_of_their_own(add, folder, new):
    _, samples = add({new("in/a.png", 1): "crack", new("in/A.png", 2): "good"})
    paths = [path for path in samples if path.startswith("corrected/")]
    assert len({path.casefold() for path in paths}) == 2
    data = read_dataset(folder)
    assert all(data.read_picture(samples[path]).any() for path in paths)


def test_the_same_corrections_twice_change_nothing(add, folder, source, new):
    labels = {source / of_split(folder, "good", "test").path: "crack", new("x.png"): "scratch"}
    assert len(add(labels)[0].changes) == 2
    before = files_in(folder)
    merged, _ = add({})
    assert (merged.changes, merged.judged) == ((), 2)
    assert files_in(folder) == before


def test_the_history_tells_who_when_what_and_where_from(add, folder, source, tmp_path):
    sample = of_split(folder, "good", "train")
    add({source / sample.path: "crack"})
    add({source / sample.path: "good"})
    with (folder / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["old_label"], row["new_label"]) for row in rows] == [
        ("good", "crack"),
        ("crack", "good"),
    ]
    assert rows[0] == {
        "time": "t",
        "reviewer": "Anna",
        "path": sample.path,
        "sha256": sample.sha256,
        "split": "train",
        "old_label": "good",
        "new_label": "crack",
        "old_mask": "",
        "picture": str(source / sample.path),
        "corrections": str(tmp_path / "results/corrections.csv"),
    }


def test_a_merge_that_was_killed_is_done_again(add, folder, source, new, monkeypatch):
    labels = {source / of_split(folder, "good", "train").path: "crack", new("x.png"): "scratch"}
    manifest = (folder / "manifest.csv").read_bytes()

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("capsule_inspect.dataset.merge.write_dataset", killed)
        with pytest.raises(KeyboardInterrupt):
            add(labels)
    assert (folder / "manifest.csv").read_bytes() == manifest
    history = (folder / "history.csv").read_bytes()
    assert len(add({})[0].changes) == 2
    assert (folder / "history.csv").read_bytes() == history


def test_a_class_that_loses_its_last_picture_is_gone(add, folder, source):
    cracks = [s.path for s in read_dataset(folder).samples if s.label == "crack"]
    merged, _ = add({source / path: "scratch" for path in cracks})
    assert merged.data.classes == ("good", "scratch")


def test_problems_stop_everything_unless_bad_ones_are_left_out(add, folder, source, tmp_path, new):
    labels = {
        tmp_path / "gone.png": "crack",
        new("x.png"): "crakc",
        source / of_split(folder, "good", "train").path: "crack",
    }
    before = files_in(folder)
    with pytest.raises(UnfitDataError, match="has 2 problems, so nothing was written") as refused:
        add(labels)
    assert [problem.path for problem in refused.value.problems] == [
        str(tmp_path / "gone.png"),
        str(tmp_path / "x.png"),
    ]
    assert files_in(folder) == before
    merged, _ = add({}, skip_bad=True)
    assert len(merged.changes) == 1
    assert sum(problem.fatal for problem in merged.problems) == 2


def test_a_full_disk_is_a_sentence_and_leaves_the_set(add, folder, new, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = files_in(folder)
    monkeypatch.setattr("capsule_inspect.dataset.merge.write_bytes", full)
    with pytest.raises(UsageError, match=r"Cannot write to '.*data': No space left on device\."):
        add({new("x.png"): "crack"})
    assert files_in(folder) == before


def test_what_has_no_corrections_is_a_sentence(folder, tmp_path):
    with pytest.raises(DataError, match=r"has no corrections\.csv. Judge its pictures first"):
        add_to_dataset(tmp_path, folder, SETTINGS)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        add_to_dataset(tmp_path / "x.csv", folder, SETTINGS)
    (tmp_path / "results").mkdir()
    CorrectionLog(tmp_path / "results/corrections.csv").close()
    with pytest.raises(DataError, match="There is no data set folder"):
        add_to_dataset(tmp_path / "results", tmp_path / "none", SETTINGS)


def test_two_at_once_are_one_after_the_other(add, folder, new):
    lock = FolderLock(folder)
    with lock, pytest.raises(UsageError, match="Another process adds corrections"):
        add({new("x.png"): "crack"})


def test_an_edited_history_is_not_mixed_up(add, folder, new):
    (folder / "history.csv").write_text("time;reviewer\n")
    with pytest.raises(DataError, match=r"history\.csv' was edited by another program"):
        add({new("x.png"): "crack"})


def test_a_folder_called_like_that_of_corrections_is_refused(tmp_path, save_picture, new):
    draw = np.random.default_rng(5)
    for label in ("good", "corrected"):
        for n in range(4):
            picture = draw.integers(0, 255, (20, 30, 3), np.uint8)
            save_picture(tmp_path / f"odd/{label}/{n}.png", picture)
    prepare_dataset(tmp_path / "odd", tmp_path / "out", SETTINGS)
    file = new("x.png")
    log = CorrectionLog(tmp_path / "corrections.csv")
    log.append(Correction("t", "A", str(file), 0, 1, hash_file(file), "good", 0.3, "good"))
    log.close()
    with pytest.raises(DataError, match="have a folder `corrected`"):
        add_to_dataset(tmp_path / "corrections.csv", tmp_path / "out", SETTINGS)
