from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.dataset.drawing.defects import DEFECTS
from capsule_inspect.dataset.drawing.draw_labels import draw_labels


@given(st.integers(0, 300), st.integers(0, 2**40))
def test_labels_are_half_good_and_even_over_the_defects(count, seed):
    drawn = draw_labels(count, seed)
    counts = Counter(drawn)

    assert len(drawn) == count
    assert counts["good"] == count - count // 2
    each = [counts[label] for label in DEFECTS]
    assert sum(each) == count // 2
    assert max(each) - min(each) <= 1


def test_labels_are_shuffled_by_the_seed():
    assert draw_labels(40, 1) == draw_labels(40, 1)
    assert draw_labels(40, 1) != draw_labels(40, 2)
