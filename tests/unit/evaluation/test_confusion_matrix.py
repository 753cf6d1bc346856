from capsule_inspect.evaluation.confusion_matrix import ConfusionMatrix, confusion_matrix
from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement


def test_pictures_are_counted_by_what_they_are_and_what_they_were_taken_for():
    pairs = [
        *[("good", "good")] * 3,
        ("good", "poke"),
        ("crack", "crack"),
        ("crack", "poke"),
        ("crack", "poke"),
        ("poke", NO_CAPSULE),
    ]
    judgements = [Judgement("", "", truth, label, 0.5, (), None) for truth, label in pairs]
    assert confusion_matrix(judgements, ("good", "crack", "poke")) == ConfusionMatrix(
        rows=("good", "crack", "poke"),
        columns=("good", "crack", "poke", "no_capsule"),
        counts=((3, 0, 1, 0), (0, 1, 2, 0), (0, 0, 0, 1)),
    )
