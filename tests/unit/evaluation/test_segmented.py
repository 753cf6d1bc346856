from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement
from capsule_inspect.evaluation.overlap import Overlap
from capsule_inspect.evaluation.segmented import segmented


def judged(truth: str, label: str, overlap: Overlap | None) -> Judgement:
    return Judgement("a.png", "aa", truth, label, 0.5, (), overlap)


FOUND = judged("crack", "crack", Overlap(2, 3, 4))
EMPTY = judged("good", "good", Overlap(0, 0, 0))
NOWHERE = judged("crack", NO_CAPSULE, Overlap(0, 0, 4))
UNKNOWN = judged("poke", "poke", None)


def test_pictures_whose_truth_is_known_are_scored_the_empty_ones_too():
    assert segmented([FOUND, UNKNOWN, EMPTY, NOWHERE]) == (FOUND, EMPTY, NOWHERE)


def test_without_a_true_defect_pixel_nothing_is_scored():
    assert segmented([EMPTY, UNKNOWN]) == ()


def test_a_picture_without_a_capsule_gives_a_model_no_mask_head():
    assert segmented([UNKNOWN, NOWHERE]) == ()
