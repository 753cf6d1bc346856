from dataclasses import replace

from capsule_inspect.dataset.checked_picture import CheckedPicture
from capsule_inspect.dataset.set_problems import copy_problems, set_problems


def pictures(label: str, count: int, mask: str = "") -> list[CheckedPicture]:
    """Pictures that all differ."""
    return [
        CheckedPicture(f"{label}/{i}.png", label, mask, f"{label}{i}", 4, 4) for i in range(count)
    ]


def test_a_set_of_enough_pictures_with_masks_is_sound() -> None:
    assert list(set_problems([*pictures("good", 3), *pictures("dent", 3, "m.png")])) == []


def test_classes_too_small_to_split_are_counted_by_distinct_pictures() -> None:
    first, second = pictures("dent", 2, "m.png")
    (problem,) = set_problems([*pictures("good", 3), first, second, replace(first, path="x.png")])
    assert "fewer than 3" in problem.message
    assert problem.message.endswith("dent (2).")
    assert not problem.fatal


def test_what_a_model_cannot_learn_is_worth_a_warning() -> None:
    (alone,) = set_problems(pictures("good", 3))
    (unmarked,) = set_problems([*pictures("good", 3), *pictures("dent", 3)])
    assert "no class of defects" in alone.message
    assert "no masks" in unmarked.message
    assert not alone.fatal
    assert not unmarked.fatal


def test_a_copy_is_worth_a_warning_and_a_contradiction_is_fatal() -> None:
    (first, *_), (dent,) = pictures("good", 2), pictures("dent", 1)
    copy = replace(first, path="good/9.png")
    (warned,) = copy_problems([first, copy, dent])
    assert (warned.path, warned.fatal) == ("good/9.png", False)
    rival = replace(dent, sha256=first.sha256)
    both = copy_problems([first, rival])
    assert [(problem.path, problem.fatal) for problem in both] == [
        ("good/0.png", True),
        ("dent/0.png", True),
    ]
    assert "dent/0.png" in both[0].message
