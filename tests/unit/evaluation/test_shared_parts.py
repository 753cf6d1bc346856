from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.evaluation.shared_parts import caution_of_parts


def pictures(*groups: str) -> list[Sample]:
    return [
        Sample(f"{n}.png", "good", "", "test", None, str(n), 9, 9, group=group)
        for n, group in enumerate(groups)
    ]


def test_pictures_of_parts_of_their_own_need_no_caution():
    assert caution_of_parts(pictures("", "", "")) == ""
    assert caution_of_parts(pictures("a", "b", "")) == ""
    assert caution_of_parts([]) == ""


def test_pictures_that_share_parts_are_counted():
    said = caution_of_parts(pictures("a", "a", "b", "", ""))
    assert said.startswith("The 5 pictures show 4 parts, and those of one part are alike")
