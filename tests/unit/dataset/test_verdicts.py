from dataclasses import replace

import pytest

from capsule_inspect.dataset.pixel_hash import hash_picture
from capsule_inspect.dataset.verdicts import read_verdicts
from capsule_inspect.files import hash_file
from capsule_inspect.imaging.read import read_picture
from capsule_inspect.inference.corrections import Correction

CLASSES = ("good", "crack", "scratch")


@pytest.fixture
def judge(tmp_path, paint):
    def make(name, label, colour="good", capsule=0, capsules=1, score=0.5):
        file = tmp_path / name
        if not file.exists():
            paint(file, colour)
        return Correction(
            "t", "Anna", str(file), capsule, capsules, hash_file(file), "good", score, label
        )

    return make


def read(*corrections):
    verdicts, problems = read_verdicts(corrections, CLASSES, None, lambda: None)
    found = {each.file.name: each.label for each in verdicts}
    return found, [(each.path.rpartition("/")[2], each.message, each.fatal) for each in problems]


def test_a_verdict_has_the_pixels_of_its_picture(judge, tmp_path):
    (verdict,), problems = read_verdicts([judge("a.png", "crack")], CLASSES, None, lambda: None)
    assert problems == ()
    assert verdict.sha256 == hash_picture(read_picture(tmp_path / "a.png"))
    assert (verdict.width, verdict.height, verdict.label) == (96, 32, "crack")
    assert verdict.data == (tmp_path / "a.png").read_bytes()


def test_the_last_judgement_counts(judge):
    assert read(judge("a.png", "crack"), judge("a.png", "scratch")) == ({"a.png": "scratch"}, [])
    assert read(judge("a.png", "crack"), judge("a.png", "")) == ({}, [])


def test_a_picture_has_the_label_of_its_worst_capsule(judge):
    good, crack, scratch = (
        judge("a.png", label, capsule=n, capsules=3, score=score)
        for n, (label, score) in enumerate((("good", 0.99), ("crack", 0.6), ("scratch", 0.9)))
    )
    assert read(good, crack, scratch)[0] == {"a.png": "scratch"}
    assert read(good, replace(crack, label="good"), replace(scratch, label="good"))[0] == {
        "a.png": "good"
    }


def test_what_is_not_sure_is_left_out_and_said(judge):
    one = judge("a.png", "good", capsules=2)
    found, problems = read(one, judge("b.png", "unsure", "crack"))
    assert found == {}
    assert problems == [
        ("a.png", "Not all of its capsules are judged, so it is left out.", False),
        ("b.png", "It is judged unsure, so it is left out.", False),
    ]
    both = replace(one, capsule=1, label="unsure")
    assert read(one, both)[1] == [("a.png", "It is judged unsure, so it is left out.", False)]


def test_an_unknown_class_is_refused(judge):
    found, problems = read(judge("a.png", "crakc"), judge("b.png", "no_\ncapsule", "crack"))
    assert found == {}
    assert problems[0] == (
        "a.png",
        "'crakc' is no class of the data set. Did you mean 'crack'? It can be good, crack, scratch "
        "or unsure.",
        True,
    )
    assert problems[1][1].startswith("'no_?capsule' is no class")


def test_a_picture_that_changed_or_vanished_is_refused(judge, paint, tmp_path, monkeypatch):
    changed, gone = judge("a.png", "crack"), judge("b.png", "crack")
    paint(tmp_path / "a.png", "scratch")
    (tmp_path / "b.png").unlink()
    monkeypatch.chdir(tmp_path)
    relative = replace(gone, path="nowhere/b.png")
    found, problems = read(changed, gone, relative)
    assert found == {}
    assert all(fatal for *_, fatal in problems)
    assert problems[0][1] == "It is another picture now than the one that was judged."
    assert problems[1][1].startswith("The file does not exist")
    assert problems[2][1].endswith("Relative paths begin in the working directory.")


def test_of_a_picture_that_was_inspected_again_the_last_judgement_counts(judge, paint, tmp_path):
    before = judge("a.png", "crack")
    paint(tmp_path / "a.png", "scratch")
    assert read(before, judge("a.png", "scratch")) == ({"a.png": "scratch"}, [])


def test_of_copies_the_later_judgement_counts_and_is_said(judge):
    found, problems = read(judge("a.png", "crack"), judge("b.bmp", "scratch"))
    assert found == {"b.bmp": "scratch"}
    assert problems[0][0] == "b.bmp"
    assert "which was judged crack. The later judgement counts: scratch." in problems[0][1]
    assert read(judge("a.png", "crack"), judge("b.bmp", "crack"))[1] == []
