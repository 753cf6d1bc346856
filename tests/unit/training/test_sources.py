from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from recorder import Recorder
from stadia import Stadium, draw

from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.errors import DataError, PictureError
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.read import read_mask, read_picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.training.sources import Source, Sources

ROI = Roi("capsule", 240, 96, 214)
CLASSES = ("good", *DEFECTS)
MUCH = 10**9


def find(data: DataSet, samples=None, roi: Roi = ROI, reach: float = 16, memory: int = MUCH):
    return Sources(data, data.samples if samples is None else samples, roi, reach, memory)


def read_all(sources: Sources) -> list[Source]:
    return [sources.read(key) for key in sources.keys]


def window(source: Source) -> np.ndarray:
    return source.crop.take(source.picture)


def off_by(one: np.ndarray, other: np.ndarray) -> int:
    """The largest difference: OpenCV rounds positions to 1/32 pixel from the part's corner."""
    return int(np.abs(one.astype(int) - other).max())


def equal(one: Source, other: Source) -> bool:
    return np.array_equal(one.picture, other.picture) and np.array_equal(one.mask, other.mask)


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """The paths of the samples that a data set has read."""
    paths, read = [], DataSet.read

    def recorded(data, sample):
        paths.append(sample.path)
        return read(data, sample)

    monkeypatch.setattr(DataSet, "read", recorded)
    return paths


def test_every_picture_of_one_capsule_gives_one_source_of_its_class(dataset_folder):
    data = read_dataset(dataset_folder)
    sources = find(data)
    assert [data.classes[key.label] for key in sources.keys] == [s.label for s in data.samples]
    assert [key.sample for key in sources.keys] == list(data.samples)
    assert all(key.has_mask for key in sources.keys)
    for source, sample in zip(read_all(sources), data.samples, strict=True):
        assert data.classes[source.label] == sample.label
        assert (source.picture.dtype, source.mask.dtype) == (np.uint8, np.uint8)
        assert source.mask.shape == source.picture.shape[:2]
        assert set(np.unique(source.mask)) == ({0} if sample.label == "good" else {0, 255})


@pytest.mark.parametrize("roi", [ROI, Roi("whole", 96, 96, 80)])
def test_its_window_is_what_the_network_sees(dataset_folder, roi):
    data = replace(read_dataset(dataset_folder), checks_pixels=False)
    sample = next(s for s in data.samples if s.label == "poke")
    (source,) = read_all(find(data, [sample], roi))
    picture = read_picture(data.root / sample.path)
    (crop,) = find_crops(picture, roi)
    assert off_by(window(source), crop.take(picture)) <= 2
    mask = np.where(read_mask(data.root / sample.mask) > 0, 255, 0).astype(np.uint8)
    assert off_by(source.crop.take(source.mask), crop.take(mask)) <= 8


def test_it_shows_the_surroundings_at_native_resolution_and_no_more(tmp_path, save_picture):
    # 600 px, a capsule of 160 px lying level in the middle: a window pixel is a native pixel.
    picture = np.full((600, 600, 3), 230, np.uint8)
    picture[270:330, 220:380] = 60
    picture[0] = np.arange(600, dtype=np.uint8)[:, None]
    save_picture(tmp_path / "a.png", picture)
    sample = Sample("a.png", "good", "", "train", None, "", 600, 600)
    data = DataSet(tmp_path, CLASSES, (sample,), 0, "", "", "")
    roi = Roi("capsule", 192, 96, 160)
    (near,), (far,) = (read_all(find(data, roi=roi, reach=reach)) for reach in (0, 50))
    assert near.picture.shape[:2] == pytest.approx((96, 192), abs=2)
    assert far.picture.shape[:2] == pytest.approx((196, 292), abs=2)
    assert off_by(window(near), window(far)) <= 1
    (all_of_it,) = read_all(find(data, roi=roi, reach=10_000))
    assert np.array_equal(all_of_it.picture, picture)
    # A view into the picture would keep all of it in memory.
    assert near.picture.base is None
    assert near.size == near.picture.size + near.mask.size


def several(tmp_path, save_picture, label: str, mask: str) -> DataSet:
    good, poke = draw_capsule("good", (3, 1), 300), draw_capsule("poke", (3, 1), 300)
    save_picture(tmp_path / "a.png", np.vstack([good.picture, poke.picture]))
    save_picture(tmp_path / "m.png", np.vstack([good.mask, poke.mask]))
    save_picture(tmp_path / "empty.png", np.vstack([good.mask] * 2))
    sample = Sample("a.png", label, mask, "train", None, "ab", 300, 600)
    return DataSet(tmp_path, CLASSES, (sample,), 0, "", "", "")


def test_sound_capsules_beside_a_defective_one_count_as_good(tmp_path, save_picture):
    sources = find(several(tmp_path, save_picture, "poke", "m.png"))
    assert [CLASSES[key.label] for key in sources.keys] == ["good", "poke"]
    assert [key.number for key in sources.keys] == [0, 1]
    assert len({key.digest for key in sources.keys}) == 2
    good, poke = read_all(sources)
    assert [bool(source.mask.any()) for source in (good, poke)] == [False, True]
    assert off_by(window(good), window(poke)) > 40


@pytest.mark.parametrize(
    ("label", "mask", "count"), [("good", "", 2), ("poke", "", 0), ("poke", "empty.png", 0)]
)
def test_which_of_several_capsules_is_defective_is_not_guessed(
    tmp_path, save_picture, label, mask, count
):
    sources = find(several(tmp_path, save_picture, label, mask))
    assert [CLASSES[key.label] for key in sources.keys] == [label] * count


def test_a_neighbours_defect_is_not_its_own(tmp_path, save_picture):
    side = 400
    own = Stadium(200, 200, 160, 60, 30)
    other = own.beside(3, 20)
    # A hole in the middle of each.
    picture, mask = draw(side, own, other), np.zeros((side, side), np.uint8)
    for each in (own, other):
        mask[round(each.y) - 4 : round(each.y) + 5, round(each.x) - 4 : round(each.x) + 5] = 255
    save_picture(tmp_path / "a.png", picture)
    save_picture(tmp_path / "m.png", mask)
    sample = Sample("a.png", "poke", "m.png", "train", None, "ab", side, side)
    sources = find(DataSet(tmp_path, CLASSES, (sample,), 0, "", "", ""), reach=60)
    for source in read_all(sources):
        assert np.count_nonzero(source.mask) == 81
        assert source.crop.take(source.mask).any()


@pytest.mark.parametrize("mask", ["", "empty.png"])
def test_the_only_capsule_is_the_defective_one_though_nobody_knows_where(
    tmp_path, save_picture, mask
):
    capsule = draw_capsule("poke", (3, 1), 300)
    save_picture(tmp_path / "a.png", capsule.picture)
    save_picture(tmp_path / "empty.png", np.zeros_like(capsule.mask))
    sample = Sample("a.png", "poke", mask, "train", None, "", 300, 300)
    (key,) = find(DataSet(tmp_path, CLASSES, (sample,), 0, "", "", "")).keys
    assert (CLASSES[key.label], key.has_mask) == ("poke", False)


def test_training_refuses_a_mask_of_another_picture(tmp_path, save_picture):
    save_picture(tmp_path / "a.png", draw_capsule("crack", 1, 300).picture)
    save_picture(tmp_path / "m.png", draw_capsule("crack", 1, 310).mask)
    sample = Sample("a.png", "crack", "m.png", "train", None, "", 300, 300)
    with pytest.raises(DataError, match=r"not of the size"):
        find(DataSet(tmp_path, CLASSES, (sample,), 0, "", "", ""))


def test_a_picture_without_a_capsule_gives_no_source(tmp_path, save_picture):
    save_picture(tmp_path / "a.png", np.full((200, 200, 3), 235, np.uint8))
    sample = Sample("a.png", "good", "", "train", None, "", 200, 200)
    data = DataSet(tmp_path, CLASSES, (sample,), 0, "", "", "")
    assert find(data).keys == ()
    assert len(find(data, roi=Roi("whole", 96, 96, 80)).keys) == 1


def test_a_missing_picture_is_refused(dataset_folder):
    data = read_dataset(dataset_folder)
    gone = Sample("gone.png", "good", "", "train", None, "", 1, 1)
    with pytest.raises(PictureError, match=r"'gone\.png' of the data set is not in"):
        find(data, [gone])


def test_a_key_names_the_content_and_not_the_place(tmp_path, dataset_folder):
    data = replace(read_dataset(dataset_folder), checks_pixels=False)
    sample = next(s for s in data.samples if s.label == "poke")
    other = next(s for s in data.samples if s.label == "poke" and s != sample)
    (key,) = find(data, [sample]).keys
    for name in ("a.png", "m.png"):
        source = data.root / (sample.path if name == "a.png" else sample.mask)
        (tmp_path / name).write_bytes(source.read_bytes())
    moved = replace(sample, path="a.png", mask="m.png", split="val")
    assert find(replace(data, root=tmp_path), [moved]).keys[0].digest == key.digest
    (tmp_path / "m.png").write_bytes((data.root / other.mask).read_bytes())
    assert find(replace(data, root=tmp_path), [moved]).keys[0].digest != key.digest
    assert find(data, [other]).keys[0].digest != key.digest


def blank(root, save_picture, *names: str) -> list[Sample]:
    for name in names:
        save_picture(root / name, np.full((300, 300, 3), 200, np.uint8))
    return [Sample(name, "good", "", "train", None, "", 300, 300) for name in names]


def test_pictures_that_are_left_out_are_told(tmp_path, save_picture, dataset_folder):
    data = several(tmp_path, save_picture, "poke", "")
    capsule = draw_capsule("good", (3, 1), 300).picture
    save_picture(tmp_path / "b.png", capsule)
    good = Sample("b.png", "good", "", "train", None, "", 300, 300)
    recorder = Recorder()
    samples = [*data.samples, good, *blank(tmp_path, save_picture, "c.png")]
    find(data, samples).tell_what_is_left_out(recorder)
    assert recorder.warned == [
        "Training leaves out 1 of its 3 pictures, such as 'c.png': no capsule is found there.",
        "Training leaves out 1 of its 3 pictures, such as 'a.png': several capsules are there, "
        "and no mask tells the defective one.",
    ]
    whole = read_dataset(dataset_folder)
    find(whole).tell_what_is_left_out(recorder)
    assert len(recorder.warned) == 2


def test_another_product_is_refused_with_the_way_on(tmp_path, save_picture):
    data = several(tmp_path, save_picture, "good", "")
    samples = [*data.samples, *blank(tmp_path, save_picture, "b.png", "c.png")]
    with pytest.raises(DataError, match=r"on 2 of the 3 training .*experiment=whole_picture"):
        find(data, samples).tell_what_is_left_out(Recorder())
    find(data, samples, roi=Roi("whole", 64, 64, 64)).tell_what_is_left_out(Recorder())


def test_pictures_are_read_once_while_they_fit_into_memory(dataset_folder, reads):
    data = read_dataset(dataset_folder)
    samples = data.samples[:3]
    sources = find(data, samples)
    for _ in range(2):
        read_all(sources)
    assert reads == [sample.path for sample in samples]


def test_beyond_that_the_oldest_is_dropped_and_read_again_unchanged(dataset_folder, reads):
    data = read_dataset(dataset_folder)
    samples = data.samples[:3]
    before = read_all(find(data, samples))
    size = max(source.size for source in before)
    sources = find(data, samples, memory=int(2.5 * size))
    first, second, third = sources.keys
    reads.clear()
    for key, expected in ((second, False), (third, False), (first, True), (third, False)):
        reads.clear()
        sources.read(key)
        assert reads == ([key.sample.path] if expected else [])
    reads.clear()
    assert equal(sources.read(second), before[1])
    assert reads == [second.sample.path]


def test_several_threads_read_the_same(dataset_folder):
    data = read_dataset(dataset_folder)
    samples = data.samples[:4]
    expected = read_all(find(data, samples))
    sources = find(data, samples, memory=1)
    order = np.random.default_rng(0).integers(0, 4, 40).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda number: sources.read(sources.keys[number]), order)
        assert all(equal(source, expected[n]) for source, n in zip(found, order, strict=True))


def test_a_mask_that_changes_during_the_training_is_noticed(tmp_path, save_picture):
    capsule = draw_capsule("poke", (3, 1), 300)
    save_picture(tmp_path / "a.png", capsule.picture)
    save_picture(tmp_path / "m.png", capsule.mask)
    save_picture(tmp_path / "b.png", capsule.picture)
    samples = tuple(
        Sample(f"{name}.png", "poke", "m.png", "train", None, name, 300, 300) for name in "ab"
    )
    sources = find(DataSet(tmp_path, CLASSES, samples, 0, "", "", ""), memory=1)
    save_picture(tmp_path / "m.png", np.roll(capsule.mask, 3, axis=0))
    with pytest.raises(DataError, match=r"'a\.png' or its mask has changed"):
        sources.read(sources.keys[0])
    (tmp_path / "a.png").unlink()
    with pytest.raises(PictureError, match=r"'a\.png' of the data set is not in"):
        sources.read(sources.keys[0])


@pytest.fixture(scope="module")
def drawing() -> Sources:
    return find(DataSet(None, ("good", "poke", "scratch"), (), 0, "", "", ""))


def test_drawn_capsules_are_of_the_classes_asked_for_and_seeded(drawing):
    keys = drawing.draw(10, 5)
    # Of 10: 5 good and one of each of 5 defects, of which two are asked for.
    assert sorted(key.label for key in keys) == [0] * 5 + [1, 2]
    assert all(key.sample is None and key.has_mask for key in keys)
    for key in keys:
        source = drawing.read(key)
        assert source.label == key.label
        assert source.mask.any() == (key.label > 0)
    (one,), (other,) = drawing.draw(1, 5), drawing.draw(1, 6)
    again = find(DataSet(None, ("good", "poke", "scratch"), (), 0, "", "", ""))
    assert equal(drawing.read(one), again.read(one))
    assert one.digest != other.digest
    assert not equal(drawing.read(one), again.read(other))


def test_training_draws_other_capsules_than_prepare_does_of_the_same_seed(drawing):
    (key,) = drawing.draw(1, 0)
    picture = draw_capsule("good", (0, 0)).picture
    (crop,) = find_crops(picture, ROI)
    assert off_by(window(drawing.read(key)), crop.take(picture)) > 40


def test_none_are_drawn_where_none_are_wanted(drawing):
    assert drawing.draw(0, 0) == ()
