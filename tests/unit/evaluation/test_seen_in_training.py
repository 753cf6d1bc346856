from pathlib import Path

from capsule_inspect.dataset.data_set import DataSet, hash_of_pictures
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.evaluation.seen_in_training import caution

SPLITS = ("train", "train", "val", "test", "test")
DATA = DataSet(
    Path(),
    ("good",),
    tuple(
        Sample(f"{place}.png", "good", "", split, None, f"{place:064x}", 8, 8)
        for place, split in enumerate(SPLITS)
    ),
    0,
    "",
    "",
    "",
)
SEEN_ALL = (
    "The model was trained on these very pictures: the figures tell what it remembers, not how it "
    "does on others."
)


def test_of_the_test_split_nothing_was_seen():
    for split in ("val", "test"):
        assert caution(DATA, DATA.of_split(split), DATA.training_sha256) == ""


def test_the_pictures_of_the_training_are_known_by_their_hashes():
    assert caution(DATA, DATA.of_split("train"), DATA.training_sha256) == SEEN_ALL
    some = caution(DATA, DATA.samples, DATA.training_sha256)
    assert some.startswith("The model was trained on 2 of these 5 pictures: the figures tell")


def test_a_model_of_all_pictures_has_seen_every_split():
    for split in ("train", "test"):
        assert caution(DATA, DATA.of_split(split), DATA.pictures_sha256) == SEEN_ALL


def test_the_training_pictures_of_another_split_are_known_if_they_are_all():
    tested = DATA.of_split("test")
    assert caution(DATA, tested, hash_of_pictures(tested)) == SEEN_ALL
    assert "another split of pictures" in caution(DATA, tested, "ab" * 32)
