import pytest

from capsule_inspect.dataset.group_check import group_problems
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.settings.groups import DataSettings


def sample(number: int, label: str = "good", split: str = "train", group: str = "a") -> Sample:
    return Sample(f"{number}.png", label, "", split, None, str(number), 9, 9, group=group)


def messages(samples, **settings) -> list[str]:
    chosen = DataSettings(**{"group": r"\d", "val": 0.0, "test": 0.0, **settings})
    return [problem.message for problem in group_problems(samples, chosen)]


def test_parts_of_several_pictures_are_fine():
    assert messages([sample(1), sample(2), sample(3, group="b")]) == []


def test_without_a_pattern_nothing_is_said():
    assert messages([sample(1, group=""), sample(2, group="b")], group="") == []


def test_pictures_without_a_part_are_counted():
    (said,) = messages([sample(1, group=""), sample(2), sample(3)])
    assert said == (
        "data.group finds no part in 1 of 3 paths, such as 1.png; each is a part of its own."
    )


@pytest.mark.parametrize(("gap", "advice"), [(0, "add data.group_gap"), (5, "too small")])
def test_a_pattern_that_joins_nothing_is_told(gap, advice):
    (said,) = messages([sample(1), sample(2, group="b")], group_gap=gap)
    assert "another part in each of the 2 pictures" in said
    assert advice in said


def test_parts_that_mix_classes_are_named_where_a_gap_made_them():
    mixed = [sample(1), sample(2, "crack"), sample(3, "crack", group="b"), sample(4, group="a")]
    assert messages(mixed) == []
    (said,) = messages(mixed, group_gap=60)
    assert said.startswith("1 part of 2 have pictures of several classes, such as a (crack, good).")


def test_a_split_that_whole_parts_leave_without_a_class_is_named():
    samples = [
        *(sample(i, "crack", "train", group="x") for i in range(3)),
        *(sample(10 + i, "poke", "train", group="y") for i in range(2)),
        *(sample(20 + i, "good", split, group=split) for split in ("train", "val") for i in (0, 5)),
    ]
    (said,) = messages(samples, val=0.3)
    assert said.startswith("The split val has no picture of crack, since parts stay whole.")
