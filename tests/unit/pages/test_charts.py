import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.pages.charts import Chart, Curve, histogram, nice_ticks, spread_out


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 4, ["0", "1", "2", "3", "4"]),
        (828, 880, ["830", "840", "850", "860", "870", "880"]),
        (0.012, 0.05, ["0.015", "0.020", "0.025", "0.030", "0.035", "0.040", "0.045", "0.050"]),
    ],
)
def test_ticks_are_round(low, high, labels):
    assert [text for _, text in nice_ticks(low, high)] == labels


@given(
    st.floats(-1e4, 1e4).flatmap(
        lambda low: st.tuples(st.just(low), st.floats(low + 0.1, low + 1e4))
    )
)
def test_ticks_lie_within_and_are_few(ends):
    low, high = ends
    values = [value for value, _ in nice_ticks(low, high)]
    slack = 1e-6 * (high - low)
    assert all(low - slack <= value <= high + slack for value in values)
    assert 4 <= len(values) <= 11


def test_the_corners_of_a_chart():
    chart = Chart("t", "x", "y", (10, 20), (0, 5), curves=(Curve("", ((10, 0), (20, 5))),))
    assert chart.path(chart.curves[0]) == "52.0,256.0 348.0,12.0"
    assert next(tick.text for tick in chart.x_ticks) == "10"


def test_a_histogram_counts_every_value_once():
    chart = histogram("t", "x", [0.0, 0.01, 0.5, 1.0, 1.0], (0.0, 1.0))
    assert [(bar.left, bar.height) for bar in chart.bars] == [
        (0, 2),
        (pytest.approx(0.5), 1),
        (pytest.approx(0.95), 2),
    ]
    assert chart.y_range == (0, 4)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1))
def test_no_value_is_lost(values):
    assert sum(bar.height for bar in histogram("t", "x", values).bars) == len(values)


def test_points_of_a_column_keep_apart():
    places = list(spread_out(2, 12))
    assert len(set(places)) == 12
    assert all(1.7 <= place <= 2.3 for place in places)
