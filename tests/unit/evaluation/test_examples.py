from capsule_inspect.evaluation.examples import choose_examples
from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement
from capsule_inspect.evaluation.overlap import Overlap


def judged(path: str, truth: str, label: str, score: float, both: int | None = None) -> Judgement:
    overlap = None if both is None else Overlap(both, 100, 100)
    return Judgement(path, "aa", truth, label, score, (1 - score, score), overlap)


def paths(judgements) -> list[str]:
    return [each.path for each in judgements]


def test_each_kind_begins_with_what_says_most():
    examples = choose_examples(
        [
            judged("a", "good", "good", 0.1),
            judged("b", "good", "crack", 0.6),
            judged("c", "good", NO_CAPSULE, 1.0),
            judged("d", "crack", "good", 0.3, 0),
            judged("e", "crack", "good", 0.2, 0),
            judged("f", "crack", "poke", 0.8, 40),
            judged("g", "crack", "poke", 0.9, 60),
            judged("h", "poke", "poke", 0.9, 20),
            judged("i", "poke", "poke", 0.9, 90),
            judged("j", "poke", "poke", 0.9),
        ]
    )
    assert paths(examples.misses) == ["e", "d"]
    assert paths(examples.false_alarms) == ["c", "b"]
    assert paths(examples.confused) == ["g", "f"]
    assert paths(examples.poor_masks) == ["h", "f", "g", "i"]
    assert paths(examples.best) == ["i", "h"]


def test_no_more_than_a_dozen_of_each():
    misses = [judged(str(place), "crack", "good", place / 100) for place in range(30)]
    assert paths(choose_examples(misses).misses) == [str(place) for place in range(12)]


def test_how_sure_a_name_is_leaves_good_aside():
    sure = Judgement("sure", "aa", "crack", "poke", 0.8, (0.2, 0.1, 0.7), None)
    unsure = Judgement("unsure", "aa", "crack", "poke", 0.3, (0.7, 0.1, 0.2), None)
    assert paths(choose_examples([unsure, sure]).confused) == ["sure", "unsure"]


def test_without_masks_the_surest_are_best():
    judgements = [judged("a", "crack", "crack", 0.7), judged("b", "crack", "crack", 0.9)]
    assert paths(choose_examples(judgements).best) == ["b", "a"]
