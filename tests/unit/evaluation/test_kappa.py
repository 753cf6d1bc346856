import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.evaluation.kappa import cohen_kappa, fleiss_kappa

LABELS = st.sampled_from(["good", "crack", "poke", "scratch"])
PAIRS = st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=40)


def table_of(pairs):
    labels = sorted({label for pair in pairs for label in pair})
    table = np.zeros((len(labels), len(labels)))
    for first, second in pairs:
        table[labels.index(first), labels.index(second)] += 1
    return table


@given(PAIRS)
def test_cohens_kappa_and_its_interval_are_those_of_statsmodels(pairs):
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    kappa = cohen_kappa(pairs)
    table = table_of(pairs)
    if len(table) == 1:
        assert kappa is None
        return
    with np.errstate(all="ignore"):  # where the variance is 0, it may round to less
        known = inter_rater.cohens_kappa(table)
    assert kappa is not None
    assert kappa.value == pytest.approx(known.kappa, abs=1e-12)
    if kappa.low is None:
        assert kappa.high is None
        assert known.var_kappa == pytest.approx(0, abs=1e-12)
    else:
        assert kappa.low == pytest.approx(max(-1, known.kappa_low), abs=1e-9)
        assert kappa.high == pytest.approx(min(1, known.kappa_upp), abs=1e-9)


@given(PAIRS)
def test_cohens_kappa_is_that_of_scikit_learn(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    kappa = cohen_kappa(pairs)
    if kappa is not None:
        known = metrics.cohen_kappa_score(*zip(*pairs, strict=True))
        assert kappa.value == pytest.approx(known, abs=1e-12)


@given(PAIRS)
def test_kappa_is_symmetric_and_does_not_hang_on_names_or_order(pairs):
    kappa = cohen_kappa(pairs)
    names = {"good": "z", "crack": "é", "poke": "a", "scratch": ""}
    others = (
        [(second, first) for first, second in pairs],
        [(names[first], names[second]) for first, second in pairs],
        pairs[::-1],
    )
    for other in map(cohen_kappa, others):
        if kappa is None:
            assert other is None
        else:
            assert other is not None
            assert other.value == pytest.approx(kappa.value, abs=1e-12)
            assert (other.low is None) == (kappa.low is None)


@given(st.lists(LABELS, min_size=1, max_size=40))
def test_a_rater_agrees_with_itself_in_full(labels):
    kappas = cohen_kappa([(each, each) for each in labels]), fleiss_kappa([[x] * 3 for x in labels])
    for kappa in kappas:
        if len(set(labels)) == 1:
            assert kappa is None
        else:
            assert kappa is not None
            assert kappa.value == pytest.approx(1)
            assert kappa.low is None


def test_one_class_and_no_pictures_have_no_kappa():
    assert cohen_kappa([]) is cohen_kappa([("good", "good")] * 5) is None
    assert fleiss_kappa([]) is fleiss_kappa([("good", "good")] * 5) is None
    # A rater with one label for all never agrees more than chance.
    kappa = cohen_kappa([("good", "good"), ("good", "crack")])
    assert kappa is not None
    assert (kappa.value, kappa.low) == (0, None)


@given(st.lists(st.lists(LABELS, min_size=3, max_size=3), min_size=1, max_size=20))
def test_fleiss_kappa_is_that_of_statsmodels(readings):
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    labels = sorted({label for given in readings for label in given})
    kappa = fleiss_kappa(readings)
    if len(labels) == 1:
        assert kappa is None
        return
    table = np.array([[given.count(label) for label in labels] for given in readings])
    assert kappa is not None
    assert kappa.value == pytest.approx(inter_rater.fleiss_kappa(table), abs=1e-12)
