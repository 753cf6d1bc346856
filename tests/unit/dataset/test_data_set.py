from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from capsule_inspect.dataset.data_set import DataSet, class_order
from capsule_inspect.dataset.sample import Sample

GOOD = Sample("test/good/1.png", "good", "", "test", None, "ab" * 32, 40, 30)
CRACK = Sample("test/crack/1.png", "crack", "masks/1.png", "train", 2, "cd" * 32, 640, 480)
SECOND = replace(GOOD, path="test/good/2.png", sha256="01" * 32)
DATA = DataSet(Path(), ("good", "crack"), (CRACK, GOOD, SECOND), 0, "somewhere", "none", "1")


def test_good_comes_first_and_the_rest_is_sorted() -> None:
    assert class_order(["poke", "good", "crack", "poke"]) == ("good", "crack", "poke")


def test_the_pictures_of_a_split_come_by_path() -> None:
    assert DATA.of_split("train") == (CRACK,)
    assert DATA.of_split("val") == ()
    assert DATA.of_split("test") == (GOOD, SECOND)


def test_counts_are_by_class_and_split() -> None:
    assert [DATA.count("good", split) for split in ("train", "val", "test")] == [0, 0, 2]
    assert [DATA.count("crack", split) for split in ("train", "val", "test")] == [1, 0, 0]


def test_the_hashes_are_of_the_sorted_hashes_of_the_pictures() -> None:
    assert DATA.training_sha256 == sha256(b"cd" * 32).hexdigest()
    assert DATA.pictures_sha256 == sha256(b"01" * 32 + b"ab" * 32 + b"cd" * 32).hexdigest()


def test_neither_order_nor_names_nor_splits_change_the_hash_of_all() -> None:
    samples = [replace(s, path=f"{i}.png", split="train") for i, s in enumerate(DATA.samples)]
    moved = replace(DATA, samples=tuple(reversed(samples)))
    assert moved.pictures_sha256 == moved.training_sha256 == DATA.pictures_sha256
