import os
import random
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
from recorder import Recorder

from capsule_inspect import __version__
from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.dataset.layouts.discovery import Discovery
from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.dataset.pixel_hash import hash_picture
from capsule_inspect.dataset.prepare import draw_set, prepare_dataset
from capsule_inspect.dataset.problems import UnfitDataError
from capsule_inspect.drawing.capsules import draw_capsule, draw_labels
from capsule_inspect.errors import DataError, PictureError, UsageError
from capsule_inspect.imaging.read import read_mask, read_picture
from capsule_inspect.settings.groups import DataSettings

SMALL = DataSettings(count=11, seed=7, size=200)


def snapshot(root: Path) -> dict[str, tuple[str, int]]:
    return {
        path.relative_to(root).as_posix(): (
            sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def copy_shuffled(source: Path, target: Path) -> Path:
    """Copies files in random order with random dates."""
    files = [path for path in source.rglob("*") if path.is_file()]
    chance = random.Random(0)  # noqa: S311 (no secrets here)
    chance.shuffle(files)
    for path in files:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        date = chance.randrange(10**9)
        os.utime(copy, (date, date))
    return target


def test_pictures_of_a_folder_are_split_where_they_are(drawn_folder: Path, tmp_path: Path) -> None:
    before = snapshot(drawn_folder)
    prepared = prepare_dataset(drawn_folder, tmp_path / "out", DataSettings())
    assert snapshot(drawn_folder) == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "dataset.json",
        "manifest.csv",
    ]
    data = prepared.data
    assert prepared.problems == ()
    assert data == read_dataset(tmp_path / "out")
    assert data.root == drawn_folder.resolve()
    assert data.classes == ("good", "crack", "faulty_imprint", "poke", "scratch", "squeeze")
    # 12 and 4 at 70/15/15: 8.4, 1.8, 1.8 and 2.8, 0.6, 0.6.
    splits = ("train", "val", "test")
    assert [data.count("good", split) for split in splits] == [8, 2, 2]
    assert all([data.count(d, split) for split in splits] == [2, 1, 1] for d in data.classes[1:])
    assert {bool(sample.mask) == (sample.label != "good") for sample in data.samples} == {True}
    assert {(sample.width, sample.height) for sample in data.samples} == {(320, 320)}


def test_a_copy_elsewhere_gives_the_same_manifest(drawn_folder: Path, tmp_path: Path) -> None:
    settings = DataSettings(folds=3)
    prepare_dataset(drawn_folder, tmp_path / "first", settings)
    copy = copy_shuffled(drawn_folder, tmp_path / "elsewhere")
    prepare_dataset(copy, tmp_path / "second", settings)
    prepare_dataset(copy, tmp_path / "third", replace(settings, seed=1))
    first, second, third = (
        (tmp_path / name / "manifest.csv").read_bytes() for name in ("first", "second", "third")
    )
    assert first == second
    assert first != third


def test_other_names_leave_each_picture_in_its_split(drawn_folder: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    for path in drawn_folder.rglob("*.png"):
        part, label, name = path.relative_to(drawn_folder).parts
        folder = plain / "masks" if part == "ground_truth" else plain
        copy = folder / label / f"{part if part == 'train' else ''}x{name}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    first = prepare_dataset(drawn_folder, tmp_path / "a", DataSettings(folds=2)).data.samples
    second = prepare_dataset(plain, tmp_path / "b", DataSettings(folds=2)).data.samples
    assert {(s.sha256, s.label, s.split, s.fold) for s in first} == {
        (s.sha256, s.label, s.split, s.fold) for s in second
    }


def test_copies_share_split_and_fold(tmp_path: Path, save_picture) -> None:
    chance = np.random.default_rng(0)
    for label in ("good", "crack"):
        for i in range(8):
            values = chance.integers(0, 256, (8, 8, 3), np.uint8)
            for copy in range(3):
                save_picture(tmp_path / "in" / label / f"{copy}{i}.png", values)
    prepared = prepare_dataset(tmp_path / "in", tmp_path / "out", DataSettings(folds=4))
    places: dict[str, set[tuple[str, int | None]]] = {}
    for sample in prepared.data.samples:
        places.setdefault(sample.sha256, set()).add((sample.split, sample.fold))
    assert [len(place) for place in places.values()] == [1] * 16
    # Of 8 distinct pictures 5.6, 1.2 and 1.2: the leftover one trains. Three files for each.
    counts = [prepared.data.count("good", split) for split in ("train", "val", "test")]
    assert counts == [18, 3, 3]
    assert sum("copy of" in problem.message for problem in prepared.problems) == 32


def test_fatal_problems_leave_nothing_behind(drawn_folder: Path, tmp_path: Path) -> None:
    source = copy_shuffled(drawn_folder, tmp_path / "in")
    bad = sorted((source / "test" / "crack").iterdir())[0]
    bad.write_bytes(b"")
    with pytest.raises(UnfitDataError, match="has 1 problem, so nothing was written"):
        prepare_dataset(source, tmp_path / "out", DataSettings())
    (source / "train" / "good" / "000.png").write_text("text")
    with pytest.raises(UnfitDataError, match=r"2 problems.*--skip-bad") as refusal:
        prepare_dataset(source, tmp_path / "out", DataSettings())
    assert [problem.path for problem in refusal.value.problems] == [
        f"test/crack/{bad.name}",
        "train/good/000.png",
    ]
    assert not (tmp_path / "out").exists()

    prepared = prepare_dataset(source, tmp_path / "out", DataSettings(), skip_bad=True)
    paths = {sample.path for sample in prepared.data.samples}
    assert len(paths) == 30
    assert not paths & {problem.path for problem in prepared.problems}
    assert sum(problem.fatal for problem in prepared.problems) == 2


def test_without_a_usable_good_picture_nothing_is_made(tmp_path: Path, save_picture) -> None:
    save_picture(tmp_path / "in/crack/0.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "in/good").mkdir()
    (tmp_path / "in/good/0.png").touch()
    with pytest.raises(DataError, match="no usable picture of the class `good`"):
        prepare_dataset(tmp_path / "in", tmp_path / "out", DataSettings(), skip_bad=True)
    assert not (tmp_path / "out").exists()


def test_a_used_folder_is_refused(drawn_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    for source in (drawn_folder, "drawn"):
        with pytest.raises(UsageError, match="not empty"):
            prepare_dataset(source, tmp_path, SMALL)
        with pytest.raises(UsageError, match="is a file"):
            prepare_dataset(source, tmp_path / "note.txt", SMALL)
        with pytest.raises(UsageError, match="Cannot write"):
            prepare_dataset(source, tmp_path / "note.txt" / "out", SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_an_empty_folder_may_be_given(drawn_folder: Path, tmp_path: Path) -> None:
    prepare_dataset(drawn_folder, tmp_path, DataSettings())
    assert read_dataset(tmp_path).samples


@pytest.mark.parametrize("name", ["license.txt", "LICENCE"])
def test_the_title_of_the_licence_is_noted(tmp_path: Path, save_picture, name: str) -> None:
    save_picture(tmp_path / "in/good/0.png", np.zeros((8, 8, 3), np.uint8))
    prepared = prepare_dataset(tmp_path / "in", tmp_path / "a", DataSettings())
    assert "unknown" in prepared.data.licence
    (tmp_path / "in" / name).write_text("\n  Some Licence 4.0 \n\nmore\n")
    prepared = prepare_dataset(tmp_path / "in", tmp_path / "b", DataSettings())
    assert prepared.data.licence == f"Some Licence 4.0 (see {name} beside the pictures)"


def test_notes_on_the_source_are_one_line_that_can_be_read_again(
    tmp_path: Path, save_picture
) -> None:
    save_picture(tmp_path / "in\nput/good/0.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "in\nput/LICENSE").write_text("Some\tLicence\x1b 4.0\n")
    data = prepare_dataset(tmp_path / "in\nput", tmp_path / "out", DataSettings()).data
    assert data.source == "in?put (folder per class)"
    assert data.licence == "Some Licence? 4.0 (see LICENSE beside the pictures)"
    assert read_dataset(tmp_path / "out") == data


def test_drawn_capsules_lie_in_the_folder_and_say_nothing_of_their_labels(tmp_path: Path) -> None:
    recorder = Recorder()
    prepared = prepare_dataset("drawn", tmp_path / "out", SMALL, reporter=recorder)
    assert recorder.counted == [("Drawing", i, 11) for i in range(1, 12)]
    data = prepared.data
    assert [sample.path for sample in data.samples] == [f"pictures/{i:04}.png" for i in range(11)]
    assert tuple(sample.label for sample in data.samples) == draw_labels(11, 7)
    assert data.licence.startswith("CC0")
    assert __version__ in data.source
    for i, sample in enumerate(data.samples):
        expected = draw_capsule(sample.label, (7, i), 200)
        picture = read_picture(data.root / sample.path)
        np.testing.assert_array_equal(picture, expected.picture)
        assert sample.sha256 == hash_picture(picture)
        assert (sample.mask == "") == (sample.label == "good")
        if sample.mask:
            np.testing.assert_array_equal(read_mask(data.root / sample.mask), expected.mask)

    shutil.move(tmp_path / "out", tmp_path / "moved")
    moved = read_dataset(tmp_path / "moved")
    assert moved == replace(data, root=(tmp_path / "moved").resolve())


def test_drawn_capsules_pass_the_checks_for_others(tmp_path: Path) -> None:
    drawn = prepare_dataset("drawn", tmp_path / "out", SMALL).data
    for sample in drawn.samples:
        for name, folder in ((sample.path, "in"), (sample.mask, "in/masks")):
            if name:
                target = tmp_path / folder / sample.label / Path(name).name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(drawn.root / name, target)
    checked = prepare_dataset(tmp_path / "in", tmp_path / "again", SMALL)
    assert not any(problem.fatal for problem in checked.problems)
    assert {s.sha256: s.split for s in checked.data.samples} == {
        s.sha256: s.split for s in drawn.samples
    }


def test_the_seed_decides_what_is_drawn(tmp_path: Path) -> None:
    manifests = []
    for i, seed in enumerate((7, 7, 8)):
        prepare_dataset("drawn", tmp_path / str(i), replace(SMALL, seed=seed))
        manifests.append((tmp_path / str(i) / "manifest.csv").read_bytes())
    assert manifests[0] == manifests[1] != manifests[2]


def test_a_stopped_drawing_leaves_an_empty_folder(tmp_path: Path) -> None:
    class Stop(list):
        def append(self, counted: tuple[str, int, int]) -> None:
            if counted[1] == 3:
                raise KeyboardInterrupt

    recorder = Recorder()
    recorder.counted = Stop()
    with pytest.raises(KeyboardInterrupt):
        prepare_dataset("drawn", tmp_path / "out", SMALL, reporter=recorder)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_manifest_that_cannot_be_written_leaves_an_empty_folder(
    drawn_folder: Path, tmp_path: Path, monkeypatch
) -> None:
    replace_file = Path.replace

    def refuse_manifest(file: Path, target: Path) -> Path:
        if target.name == "manifest.csv":
            raise OSError(28, "No space left on device")
        return replace_file(file, target)

    monkeypatch.setattr(Path, "replace", refuse_manifest)
    with pytest.raises(UsageError, match=r"Cannot write .* No space left"):
        prepare_dataset(drawn_folder, tmp_path / "out", DataSettings())
    assert list((tmp_path / "out").iterdir()) == []


def test_made_masks_that_cannot_be_written_leave_an_empty_folder(
    drawn_folder: Path, tmp_path: Path, monkeypatch
) -> None:
    def made(source: Path, _good: str) -> Discovery:
        found = discover(source)
        pictures = (
            replace(each, masks=(), make_mask=lambda h, w: np.ones((h, w), np.bool_))
            if each.masks
            else each
            for each in found.pictures
        )
        return replace(found, pictures=tuple(pictures))

    write = Path.write_bytes

    def refuse_the_last(file: Path, data: bytes) -> int:
        if file.match("masks/test/squeeze/*.png.png") and len(list(file.parent.iterdir())) == 3:
            raise OSError(28, "No space left on device")
        return write(file, data)

    monkeypatch.setattr("capsule_inspect.dataset.prepare.discover", made)
    monkeypatch.setattr(Path, "write_bytes", refuse_the_last)
    with pytest.raises(UsageError, match=r"Cannot write .* No space left"):
        prepare_dataset(drawn_folder, tmp_path / "out", DataSettings())
    assert list((tmp_path / "out").iterdir()) == []


def test_pictures_that_cannot_be_written_are_a_sentence(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(PictureError, match="cannot be written as png"):
        prepare_dataset("drawn", tmp_path / "out", SMALL)
    assert list((tmp_path / "out").iterdir()) == []


SETTINGS = DataSettings(count=5, seed=4, size=200)


def test_files_hold_what_the_seed_draws_and_only_defects_have_masks(tmp_path: Path) -> None:
    drawn = draw_set(tmp_path, SETTINGS)
    assert [picture.path for picture in drawn] == [f"pictures/{i:04}.png" for i in range(5)]
    assert tuple(picture.label for picture in drawn) == draw_labels(5, 4)
    for i, each in enumerate(drawn):
        expected = draw_capsule(each.label, (4, i), 200)
        picture = read_picture(tmp_path / each.path)
        np.testing.assert_array_equal(picture, expected.picture)
        assert each.sha256 == hash_picture(picture)
        assert (each.width, each.height) == (200, 200)
        assert each.mask == ("" if each.label == "good" else f"masks/{i:04}.png")
        if each.mask:
            np.testing.assert_array_equal(read_mask(tmp_path / each.mask), expected.mask)
    assert len(list((tmp_path / "masks").iterdir())) == 2


def test_progress_is_told_after_every_picture(tmp_path: Path) -> None:
    recorder = Recorder()
    draw_set(tmp_path, SETTINGS, recorder)
    assert recorder.counted == [("Drawing", i, 5) for i in range(1, 6)]


def test_pictures_without_a_part_are_told(drawn_folder, tmp_path):
    settings = DataSettings(group=r"good/(\d)")
    prepared = prepare_dataset(drawn_folder, tmp_path / "out", settings)
    said = [each.message for each in prepared.problems if "data.group" in each.message]
    assert len(said) == 1
    assert "finds no part in 20 of 32 paths" in said[0]


def test_the_split_of_a_benchmark_is_kept_on_request(tmp_path: Path) -> None:
    labels = {"train/good": ("good", 6), "test/good": ("good", 2), "test/crack": ("crack", 2)}
    for place, (label, count) in labels.items():
        (tmp_path / "mvtec" / place).mkdir(parents=True)
        for number in range(count):
            picture = draw_capsule(label, (len(place), number), size=200).picture
            cv2.imwrite(str(tmp_path / "mvtec" / place / f"{number}.png"), picture[..., ::-1])
    prepared = prepare_dataset(tmp_path / "mvtec", tmp_path / "out", DataSettings(), split="mvtec")
    assert {(each.path.split("/")[0], each.split) for each in prepared.data.samples} == {
        ("train", "train"),
        ("test", "test"),
    }
    with pytest.raises(DataError, match=r"is no data set of MVTec AD .* Leave --protocol"):
        prepare_dataset(tmp_path / "mvtec/test", tmp_path / "other", DataSettings(), split="mvtec")
