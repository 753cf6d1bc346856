import pytest

from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.dataset.layouts.sound_class import means_good
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.errors import DataError
from capsule_inspect.settings.groups import DataSettings


@pytest.mark.parametrize(
    "name", ["good", "Good", "OK", "ok", "normal", "no_defect", "No Defects", "pass", "defect-free"]
)
@pytest.mark.parametrize("place", ["{}/a.png", "train/{}/a.png", "test/{}/a.png"])
def test_names_that_can_only_mean_good_are_taken_as_good(tmp_path, touch, name, place):
    touch(tmp_path, place.format(name), place.format("crack"))
    found = discover(tmp_path)
    assert {(each.path.split("/")[-2], each.label) for each in found.pictures} == {
        (name, "good"),
        ("crack", "crack"),
    }
    assert found.sound_class == name


@pytest.mark.parametrize("name", ["free", "not ok", "ng", "goodish", "MT_Free", "bypass", ""])
def test_other_names_are_no_guess(name):
    assert not means_good(name)


@pytest.mark.parametrize("place", ["{}/a.png", "train/{}/a.png"])
def test_data_good_names_the_class(tmp_path, touch, place):
    touch(tmp_path, place.format("MT_Free"), place.format("MT_Crack"))
    with pytest.raises(DataError, match=r"MT_Crack, MT_Free\..*data\.good=NAME"):
        discover(tmp_path)
    labels = [each.label for each in discover(tmp_path, "MT_Free").pictures]
    assert labels == ["MT_Crack", "good"]


def test_a_name_that_is_nearly_right_is_proposed(tmp_path, touch):
    touch(tmp_path, "MT_Free/a.png", "MT_Crack/a.png")
    with pytest.raises(DataError, match=r"no folder 'MT_Fre'.* Did you mean 'MT_Free'\?"):
        discover(tmp_path, "MT_Fre")


def test_data_good_decides_between_good_and_other_names(tmp_path, touch):
    touch(tmp_path, "good/a.png", "ok/a.png")
    assert [each.label for each in discover(tmp_path, "good").pictures] == ["good", "ok"]


@pytest.mark.parametrize(
    ("folders", "good", "told"),
    [
        (("good", "crack"), "fine", r"no class `fine`.* crack, good\."),
        (("good", "free"), "free", "a class `good` beside `free`"),
        (("good", "OK", "crack"), "", r"OK, good\. Say which one is: data\.good=NAME"),
        (("ok", "normal", "crack"), "", r"normal, ok\. Say which one is: data\.good=NAME"),
    ],
)
def test_what_cannot_be_told_is_asked(tmp_path, touch, folders, good, told):
    touch(tmp_path, *(f"{folder}/a.png" for folder in folders))
    with pytest.raises(DataError, match=told):
        discover(tmp_path, good)


@pytest.mark.parametrize(("name", "good", "said"), [("OK", "", True), ("free", "free", False)])
def test_prepare_says_what_it_takes_as_good(tmp_path, save_picture, name, good, said):
    for number, label in enumerate((name, "crack")):
        picture = draw_capsule("good" if label == name else "crack", (1, number), 320).picture
        save_picture(tmp_path / "set" / label / "a.png", picture)
    settings = DataSettings(good=good)
    prepared = prepare_dataset(tmp_path / "set", tmp_path / "out", settings)
    assert prepared.data.classes == ("good", "crack")
    told = "The class `OK` is taken as `good`." in [each.message for each in prepared.problems]
    assert told == said
