from collections import Counter

import pytest

from capsule_inspect.cli.predict import describe_batch, raise_exit_code
from capsule_inspect.errors import ConditionNotMetError, PartialFailureError
from capsule_inspect.inference.batch import BatchSummary

GOOD = BatchSummary(3, Counter(good=3), no_capsule=0, errors=0, warnings=0, drift="")
MIXED = BatchSummary(5, Counter(good=2, poke=1), no_capsule=1, errors=1, warnings=2, drift="")
WHOLE = BatchSummary(2, Counter(good=1, poke=1), 0, 0, 0, drift="", subject="picture")
DEFECTIVE = BatchSummary(1, Counter(poke=1), no_capsule=0, errors=0, warnings=0, drift="")


def test_a_batch_is_counted_in_the_order_of_the_classes():
    classes = ("good", "crack", "poke")
    assert describe_batch(GOOD, classes) == "3 pictures, 3 capsules: 3 good"
    assert describe_batch(MIXED, classes) == (
        "5 pictures, 3 capsules: 2 good, 1 poke; 1 without a capsule; 1 unreadable; "
        "2 with a warning"
    )
    assert describe_batch(DEFECTIVE, classes) == "1 picture, 1 capsule: 1 poke"
    assert describe_batch(WHOLE, classes) == "2 pictures: 1 good, 1 poke"


@pytest.mark.parametrize(
    ("summary", "fail_on_defect"), [(GOOD, False), (GOOD, True), (DEFECTIVE, False)]
)
def test_a_batch_that_is_as_asked_for_ends_well(summary, fail_on_defect):
    assert raise_exit_code(summary, fail_on_defect, "Last.") is None


def test_a_defect_ends_with_1_if_asked_for_and_an_unreadable_file_with_3():
    with pytest.raises(ConditionNotMetError, match=r"1 defective capsule, 0 pictures .*\nLast\."):
        raise_exit_code(DEFECTIVE, True, "Last.")
    with pytest.raises(ConditionNotMetError, match=r"good: 1 defective picture \(--fail"):
        raise_exit_code(WHOLE, True, "Last.")
    for fail_on_defect in (False, True):
        with pytest.raises(PartialFailureError, match=r"^1 of 5 files[^$]*\nLast\.$") as ended:
            raise_exit_code(MIXED, fail_on_defect, "Last.")
        assert ("1 picture without a capsule" in str(ended.value)) is fail_on_defect
