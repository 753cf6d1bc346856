import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.dataset.layouts.mask_names import find_class_endings, find_ending

PICTURES = {"0", "1", "1_2", "a b"}


@pytest.mark.parametrize(
    ("masks", "ending"),
    [
        ({"0_GT", "1_GT"}, "_GT"),
        ({"1_2_GT", "1_GT"}, "_GT"),  # not `_2_GT`, which the second lacks
        ({"0-label", "a b-label"}, "-label"),
        ({"0.seg"}, ".seg"),
        ({"0", "1_mask"}, ""),  # as usual
        ({"0", "1_GT"}, "_GT"),  # some are
        ({"1_2_GT"}, ""),  # of `1` or of `1_2`
        ({"0_GT", "1_label"}, ""),
        ({"0_GT", "9_GT"}, ""),  # one has no picture
        ({"0GT", "1GT"}, ""),  # nothing separates words
        (set(), ""),
    ],
)
def test_one_ending_of_all_is_found(masks, ending):
    assert find_ending(masks, PICTURES) == ending


@given(
    st.sets(st.text("ab12", min_size=1, max_size=4), min_size=2, max_size=8),
    st.sampled_from(["_GT", "-mask", " copy", "_1"]),
)
def test_an_ending_that_all_have_is_found_or_too_many_are(pictures, ending):
    found = find_ending({name + ending for name in pictures}, pictures)
    assert found == ending  # no name here holds a sign that separates words


def test_endings_of_classes_are_found_if_all_masks_have_one():
    classes = {"good", "crack", "Dent"}
    assert find_class_endings({"0_crack", "1_dent"}, PICTURES, classes) == {
        "crack": "_crack",
        "Dent": "_dent",
    }
    assert find_class_endings({"0_crack", "1_scratch"}, PICTURES, classes) == {}
    assert find_class_endings({"0_crack", "1-crack"}, PICTURES, classes) == {}
    assert find_class_endings(set(), PICTURES, classes) == {}
