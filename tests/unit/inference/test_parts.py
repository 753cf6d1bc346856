from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.parts import (
    Part,
    Share,
    compare_lists,
    hash_list,
    refuse_other_part,
)

LIST = [("in/a.png", "a.png"), ("in/b.png", "b.png"), ("other/a.png", "a-0123456789.png")]
PART = {"k": 2, "n": 7, "pictures": 3, "list_sha256": hash_list(LIST), "subject": "capsule"}


@given(st.lists(st.integers(), max_size=60), st.integers(1, 70))
def test_each_item_of_a_list_is_in_one_part_and_turns_give_the_list(items, n):
    shares = [Share(k, n) for k in range(1, n + 1)]
    parts = [list(share.of(items)) for share in shares]
    assert [share.size(len(items)) for share in shares] == [len(part) for part in parts]
    assert sum(map(len, parts)) == len(items)
    assert [parts[number % n][number // n] for number in range(len(items))] == items
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_part_takes_every_nth_from_its_own():
    assert [Share(k, 3).of("abcde") for k in (1, 2, 3)] == ["ad", "be", "c"]


def test_a_part_is_written_as_a_fraction():
    assert Share.from_text("3/7") == Share(3, 7)
    assert Share.from_text("007/007") == Share(7, 7)
    assert str(Share(3, 7)) == "3/7"


@pytest.mark.parametrize("text", ["", "3", "3/", "/7", "3/7/9", "-1/7", "3 / 7", "³/7", "3/7\n"])
def test_another_text_is_no_part(text):
    with pytest.raises(UsageError, match=r"is no part\. Write K/N, such as 3/7"):
        Share.from_text(text)


@pytest.mark.parametrize("text", ["8/7", "1/0", "0/0"])
def test_a_part_beyond_the_last_is_refused(text):
    with pytest.raises(UsageError, match=rf"There is no part {text}: of K/N, K goes from 1 to N"):
        Share.from_text(text)


@pytest.mark.parametrize("k", [-1, 0, 8])
def test_in_python_parts_are_counted_from_1(k):
    with pytest.raises(UsageError, match=f"There is no part {k}/7"):
        Share(k, 7)


def test_a_counter_may_begin_with_0():
    counted = {Share.from_text(f"{k}/7") for k in range(7)}
    assert counted == {Share(k, 7) for k in range(1, 8)}
    assert Share.from_text("0/7") == Share(7, 7)


def test_the_digest_of_a_list_depends_on_paths_names_and_order():
    others = [
        LIST[:2],
        [*LIST, ("z.png", "z.png")],
        [LIST[1], LIST[0], LIST[2]],
        [("in/A.png", "a.png"), *LIST[1:]],
        [("in/a.png", "in/a.png"), *LIST[1:]],
        # Line breaks and quotes in a name cannot make one list look like another.
        [('in/a.png", "a.png"]\n["in/b.png', "b.png"), LIST[2]],
    ]
    digests = {hash_list(each) for each in (LIST, *others)}
    assert len(digests) == len(others) + 1
    assert hash_list(iter(LIST)) == hash_list(LIST)


def test_a_part_is_read_back_from_json():
    part = Part.from_json(PART)
    assert part == Part(**PART)
    assert part.share == Share(2, 7)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "2/7",
        [2, 7],
        {},
        {"k": 2, "n": 7},
        {**PART, "more": 1},
        {**PART, "k": "2"},
        {**PART, "k": True},
        {**PART, "k": 8},
        {**PART, "k": 0},
        {**PART, "pictures": 3.0},
        {**PART, "list_sha256": None},
    ],
)
def test_anything_else_is_no_part(value):
    assert Part.from_json(value) is None


def test_the_same_part_of_the_same_list_goes_on():
    refuse_other_part(Path("out"), PART, PART)
    refuse_other_part(Path("out"), None, None)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (PART, {**PART, "k": 3}, "The run in 'out' is part 2/7, not part 3/7. Name another"),
        (PART, {**PART, "n": 8}, "The run in 'out' is part 2/7, not part 2/8."),
        (PART, None, "The run in 'out' is part 2/7, not a run over all pictures."),
        (None, PART, "The run in 'out' is a run over all pictures, not part 2/7."),
        (
            PART,
            {**PART, "pictures": 4, "list_sha256": "f" * 64},
            "is part 2/7 of another list: it had 3 pictures, and this one has 4. Name the same",
        ),
        (
            PART,
            {**PART, "list_sha256": "f" * 64},
            "is part 2/7 of another list: both have 3 pictures, but not the same.",
        ),
    ],
)
def test_another_part_or_list_is_refused(before, now, said):
    with pytest.raises(UsageError) as refused:
        refuse_other_part(Path("out"), before, now)
    assert said in str(refused.value)


def test_lists_are_compared_in_words():
    one, other = Part(**PART), Part(**{**PART, "pictures": 9})
    assert compare_lists(one, other) == "it had 3 pictures, and this one has 9"
    assert compare_lists(one, one) == "both have 3 pictures, but not the same"
