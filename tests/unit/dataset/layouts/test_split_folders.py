import pytest

from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.dataset.problems import UnfitDataError
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.errors import DataError
from capsule_inspect.settings.groups import DataSettings

PLACES = {"train": 3, "val": 2, "test": 2}


@pytest.fixture
def split(tmp_path, save_picture):
    """Good and cracked capsules in folders for each split."""
    number = 0
    for part, count in PLACES.items():
        for label in ("good", "crack"):
            for _ in range(count):
                drawn = draw_capsule(label, (7, number), 240)
                save_picture(tmp_path / f"own/{part}/{label}/{number}.png", drawn.picture)
                number += 1
    return tmp_path / "own"


def test_each_picture_is_taken_with_its_split(split, tmp_path):
    prepared = prepare_dataset(split, tmp_path / "out", DataSettings(folds=2))
    assert len(prepared.data.samples) == number_of_all()
    for sample in prepared.data.samples:
        assert sample.path.startswith(f"{sample.split}/{sample.label}/")
        assert sample.fold in {0, 1}
    assert any("split of its folders is kept" in each.message for each in prepared.problems)


def number_of_all() -> int:
    return 2 * sum(PLACES.values())


def test_a_new_split_is_drawn_where_it_is_asked_for(split, tmp_path):
    prepared = prepare_dataset(split, tmp_path / "out", DataSettings(), split="new")
    assert len(prepared.data.samples) == number_of_all()
    assert not all(each.path.startswith(each.split) for each in prepared.data.samples)
    assert not any("is kept" in each.message for each in prepared.problems)


@pytest.mark.parametrize(
    ("files", "layout"),
    [
        (("train/good/a.png", "valid/good/b.png"), "split folders"),
        (("Train/good/a.png", "VAL/good/b.png"), "split folders"),
        (("train/good/a.png", "dev/good/b.png"), "split folders"),
        (("train/good/a.png", "train/crack/b.png", "test/good/c.png"), "split folders"),
        (("train/good/a.png", "test/crack/b.png", "test/good/c.png"), "MVTec AD"),
        (("good/a.png", "train/good/b.png", "val/good/c.png"), "folder per class"),
    ],
)
def test_mvtec_ad_is_told_apart(tmp_path, touch, files, layout):
    touch(tmp_path, *files)
    assert discover(tmp_path).layout == layout


def test_a_copy_in_two_splits_is_refused(split, tmp_path):
    first = next((split / "train/crack").iterdir())
    (split / "val/crack/copy.png").write_bytes(first.read_bytes())
    with pytest.raises(UnfitDataError) as refused:
        prepare_dataset(split, tmp_path / "out", DataSettings())
    (problem,) = (each for each in refused.value.problems if each.fatal)
    assert problem.path == "val/crack/copy.png"
    assert "in another split" in problem.message
    prepared = prepare_dataset(split, tmp_path / "out", DataSettings(), skip_bad=True)
    assert len(prepared.data.samples) == number_of_all()


def test_other_layouts_have_no_split_to_keep(tmp_path, touch):
    touch(tmp_path / "in", "good/a.png", "crack/b.png")
    with pytest.raises(DataError, match="no split of its own to keep"):
        prepare_dataset(tmp_path / "in", tmp_path / "out", DataSettings(), split="keep")


@pytest.mark.parametrize("names", [("Train", "Val", "Test"), ("training", "dev", "testing")])
def test_splits_are_known_by_other_names(tmp_path, touch, names):
    for name in names:
        touch(tmp_path, f"{name}/good/{name}.png", f"{name}/crack/{name}.png")
    found = discover(tmp_path)
    assert {each.path.split("/")[0]: each.split for each in found.pictures} == dict(
        zip(names, ("train", "val", "test"), strict=True)
    )
    assert found.is_split


def test_masks_mirror_the_splits_or_lie_in_them(tmp_path, touch):
    touch(tmp_path, "train/good/0.png", "train/crack/1.png", "val/crack/1.png", "val/crack/2.png")
    touch(tmp_path, "masks/train/crack/1.png", "val/masks/crack/1.png", "val/masks/2_mask.png")
    found = discover(tmp_path)
    assert {each.path: each.masks for each in found.pictures} == {
        "train/good/0.png": (),
        "train/crack/1.png": ("masks/train/crack/1.png",),
        "val/crack/1.png": ("val/masks/crack/1.png",),
        "val/crack/2.png": ("val/masks/2_mask.png",),
    }
    assert not found.stray_masks


def test_what_is_no_split_is_left_out_with_a_word(split, tmp_path):
    (split / "val").rename(split / "holdout")
    prepared = prepare_dataset(split, tmp_path / "out", DataSettings())
    said = [
        each for each in prepared.problems if "neither as a class nor as a split" in each.message
    ]
    assert len(said) == 2 * PLACES["val"]
    assert {each.path.split("/")[0] for each in said} == {"holdout"}


def test_a_split_that_is_not_taken_is_told(split, tmp_path):
    for part in PLACES:
        (split / part / "crack").rename(split / part / "other")
    (split / "train/other").rename(split / "val/crack")
    settings = DataSettings()
    prepared = prepare_dataset(split, tmp_path / "out", settings)
    assert any("is not taken; --split keep takes it" in each.message for each in prepared.problems)
    kept = prepare_dataset(split, tmp_path / "kept", settings, split="keep").data.samples
    assert {each.path.split("/")[0] for each in kept if each.split == "val"} == {"val"}
