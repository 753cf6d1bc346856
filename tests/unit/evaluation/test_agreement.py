import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.choices import NO_CAPSULE
from capsule_inspect.evaluation.agreement import Agreement, compare
from capsule_inspect.evaluation.inspectors import EVERYONE, Verdict
from capsule_inspect.evaluation.judge import Judgement

CLASSES = ("good", "crack", "poke")
TRUTH = [*["good"] * 6, *["crack"] * 4, *["poke"] * 3]
MODEL = [*["good"] * 5, "poke", *["crack"] * 3, "good", "poke", "crack", NO_CAPSULE]
ANNA = [*["good"] * 4, "crack", "good", *["crack"] * 4, "poke", "poke", "good"]
ANNA_AGAIN = ["good", "crack", "good", *ANNA[3:12], "poke"]
BEN = [*["good"] * 6, "crack", "poke", "good", "crack", "poke", "poke", "poke"]
CAI = [*["good"] * 3, "defective", *[None] * 4, "good", *["defective"] * 4]
NAMES = [f"{number:02}.png" for number in range(len(TRUTH))]


def judge(truth: list[str], labels: list[str]) -> list[Judgement]:
    return [
        Judgement(name, "", true, label, 0.25 if label == "good" else 0.75, (), None)
        for name, true, label in zip(NAMES, truth, labels, strict=False)
    ]


def say(inspector: str, labels: list[str | None], number: int = 1) -> list[Verdict]:
    return [
        Verdict(name, inspector, label, number)
        for name, label in zip(NAMES, labels, strict=False)
        if label
    ]


def metrics_of(agreement: Agreement, name: str) -> dict[str, tuple[float, int]]:
    (rater,) = (each for each in agreement.raters if each.name == name)
    return {metric.name: (metric.value, metric.n) for metric in rater.metrics}


def is_defect(labels):
    return [label != "good" for label in labels]


@pytest.fixture
def agreement() -> Agreement:
    """Two who name classes, one of them twice, and one who sorts some of the pictures."""
    verdicts = [
        *say("Anna", ANNA_AGAIN, 2),
        *say("Anna", ANNA, 1),
        *say("Ben", BEN),
        *say("Cai", CAI),
        Verdict("elsewhere.png", "Cai", "good"),
    ]
    return compare(judge(TRUTH, MODEL), verdicts, CLASSES)


@pytest.mark.parametrize(
    ("first", "second", "one", "other"),
    [
        ("truth", "model", TRUTH, MODEL),
        ("truth", "Anna", TRUTH, ANNA),
        ("model", "Anna", MODEL, ANNA),
        ("model", "Ben", MODEL, BEN),
        ("Anna", "Ben", ANNA, BEN),
    ],
)
def test_pairs_agree_as_scikit_learn_and_statsmodels_have_it(agreement, first, second, one, other):
    score = pytest.importorskip("sklearn.metrics").cohen_kappa_score
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    interval = pytest.importorskip("statsmodels.stats.proportion").proportion_confint
    seen = {
        ("presence", ""): (is_defect(one), is_defect(other)),
        ("class", ""): (one, other),
        ("class", "crack"): ([x == "crack" for x in one], [x == "crack" for x in other]),
        ("class", "poke"): ([x == "poke" for x in one], [x == "poke" for x in other]),
    }
    for (kind, of_class), (left, right) in seen.items():
        pair = agreement.pair(first, second, kind, of_class)
        agreed = sum(x == y for x, y in zip(left, right, strict=True))
        assert (pair.agreement.n, pair.agreement.value) == (13, pytest.approx(agreed / 13))
        assert (pair.agreement.low, pair.agreement.high) == pytest.approx(
            interval(agreed, 13, method="wilson")
        )
        assert pair.kappa.value == pytest.approx(score(left, right))
        table, _ = inter_rater.to_table(list(zip(map(str, left), map(str, right), strict=True)))
        known = inter_rater.cohens_kappa(table)
        assert pair.kappa.low == pytest.approx(max(-1, known.kappa_low))
        assert pair.kappa.high == pytest.approx(min(1, known.kappa_upp))


def test_a_worked_example_by_hand(agreement):
    # Both call 4 pictures good and 5 defective; each calls 2 good that the other calls defective.
    # Chance agrees on (6 x 6 + 7 x 7) / 169, and kappa is (9 / 13 - 85 / 169) / (84 / 169).
    pair = agreement.pair("model", "Anna", "presence")
    assert pair.agreement.value == 9 / 13
    assert pair.kappa.value == pytest.approx(32 / 84)
    assert metrics_of(agreement, "model") == {
        "accuracy": (9 / 13, 13),
        "defect_only_accuracy": (4 / 7, 7),
        "presence_accuracy": (11 / 13, 13),
        "false_alarm_rate": (1 / 6, 6),
        "miss_rate": (1 / 7, 7),
    }
    assert metrics_of(agreement, "Anna") == {
        "accuracy": (11 / 13, 13),
        "defect_only_accuracy": (6 / 7, 7),
        "presence_accuracy": (11 / 13, 13),
        "false_alarm_rate": (1 / 6, 6),
        "miss_rate": (1 / 7, 7),
    }


def test_rates_have_wilsons_interval(agreement):
    interval = pytest.importorskip("statsmodels.stats.proportion").proportion_confint
    for rater in agreement.raters:
        for metric in (*rater.metrics, *(m for each in rater.per_class for m in each.metrics)):
            known = interval(round(metric.value * metric.n), metric.n, method="wilson")
            assert (metric.low, metric.high) == pytest.approx(known, abs=1e-9)


def test_classes_have_rates_of_their_own(agreement):
    model, anna, _, cai = agreement.raters
    rates = {
        (rater.name, each.name, metric.name): metric.value
        for rater in (model, anna, cai)
        for each in rater.per_class
        for metric in each.metrics
    }
    assert rates["model", "good", "false_alarm_rate"] == 1 / 6
    assert rates["model", "crack", "miss_rate"] == 1 / 4
    assert rates["model", "crack", "recall"] == 3 / 4
    assert (rates["model", "poke", "miss_rate"], rates["model", "poke", "recall"]) == (0, 1 / 3)
    assert rates["Anna", "poke", "miss_rate"] == 1 / 3
    assert rates["Cai", "crack", "miss_rate"] == 1 / 2
    assert ("Cai", "crack", "recall") not in rates


def test_who_read_some_pictures_counts_on_these_and_who_only_sorts_has_no_classes(agreement):
    assert metrics_of(agreement, "Cai") == {
        "presence_accuracy": (7 / 9, 9),
        "false_alarm_rate": (1 / 4, 4),
        "miss_rate": (1 / 5, 5),
    }
    assert agreement.pair("Ben", "Cai", "presence").agreement.n == 9
    assert agreement.pair("Ben", "Cai", "class") is None
    assert (agreement.pictures, agreement.verdicts, agreement.left_out) == (13, 48, 1)


def test_the_first_reading_counts_and_repeats_are_measured(agreement):
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    repeat = agreement.pair("Anna", "Anna", "class")
    assert (repeat.agreement.value, repeat.agreement.n) == (11 / 13, 13)
    table, _ = inter_rater.aggregate_raters(list(zip(ANNA, ANNA_AGAIN, strict=True)))
    assert repeat.kappa.value == pytest.approx(inter_rater.fleiss_kappa(table))
    assert [each.rounds for each in agreement.raters] == [1, 2, 1, 1]
    assert agreement.pair("Ben", "Ben", "presence") is None


def test_three_inspectors_are_compared_on_the_pictures_that_all_read(agreement):
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    every = agreement.pair(EVERYONE, EVERYONE, "presence")
    read = [place for place, label in enumerate(CAI) if label]
    rows = [[is_defect(labels)[place] for labels in (ANNA, BEN, CAI)] for place in read]
    table, _ = inter_rater.aggregate_raters(rows)
    assert every.agreement.n == 9
    assert every.agreement.value == sum(len(set(row)) == 1 for row in rows) / 9
    assert every.kappa.value == pytest.approx(inter_rater.fleiss_kappa(table))
    assert agreement.pair(EVERYONE, EVERYONE, "class") is None  # one of them only sorts


def test_two_inspectors_have_no_kappa_of_all():
    agreement = compare(judge(TRUTH, MODEL), [*say("A", ANNA), *say("B", BEN)], CLASSES)
    assert agreement.repeats == ()


def test_pictures_that_nobody_read_do_not_count():
    agreement = compare(judge(TRUTH, MODEL), say("A", ANNA[:2]), CLASSES)
    assert agreement.pictures == len(agreement.detections) == 2
    assert metrics_of(agreement, "model")["accuracy"] == (1, 2)
    # Both know good pictures only: there is an agreement, but none beyond chance.
    assert agreement.pair("model", "A", "presence").agreement.value == 1
    assert agreement.pair("model", "A", "presence").kappa is None
    assert "miss_rate" not in metrics_of(agreement, "A")


def test_inspectors_without_a_common_picture_are_no_pair():
    verdicts = [*say("A", ["good"]), *say("B", [None, "good"])]
    agreement = compare(judge(TRUTH, MODEL), verdicts, CLASSES)
    assert agreement.pair("A", "B", "presence") is None
    assert agreement.pair("model", "B", "presence").agreement.n == 1


LABELS = st.lists(st.sampled_from(CLASSES), min_size=4, max_size=4)


@given(LABELS, LABELS, LABELS, LABELS)
def test_names_and_order_of_inspectors_change_nothing(truth, model, one, other):
    def figures(first: str, second: str, swapped: bool):
        verdicts = [say(first, one), say(second, other)]
        both = [each for part in verdicts[:: -1 if swapped else 1] for each in part]
        agreement = compare(judge(truth, model), both, CLASSES)
        names = {first: "one", second: "other"}
        found = {}
        for pair in agreement.pairs:
            raters = frozenset(names.get(name, name) for name in (pair.first, pair.second))
            kappa = None if pair.kappa is None else round(pair.kappa.value, 9)
            found[raters, pair.kind, pair.of_class] = (pair.agreement.value, kappa)
        return found, agreement.detections, agreement.zones

    assert figures("a", "b", False) == figures("z", "é", True)


@given(LABELS, LABELS)
def test_an_inspector_who_says_what_the_model_says_agrees_in_full(truth, labels):
    agreement = compare(judge(truth, labels), say("A", labels), CLASSES)
    for kind in ("presence", "class"):
        pair = agreement.pair("model", "A", kind)
        assert pair.agreement.value == 1
        assert pair.kappa is None or pair.kappa.value == pytest.approx(1)
    model, inspector = agreement.raters
    assert model.metrics == inspector.metrics
    assert model.per_class == inspector.per_class
