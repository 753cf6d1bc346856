from capsule_inspect.modelfile.metadata import Metric, OperatingPoint
from capsule_inspect.workflows.models import describe_expected


def test_rates_are_told_with_their_intervals():
    point = OperatingPoint(
        expected=(
            Metric("false_alarm_rate", 0.0146, 206, 0.005, 0.042),
            Metric("miss_rate", 0.0, 92, None, None),
        )
    )
    assert describe_expected(point) == (
        "1.5% (0.5% to 4.2%) of good pictures called defective, 0.0% of defects missed"
    )


def test_where_nothing_was_measured_it_says_so():
    assert describe_expected(OperatingPoint()) == "not known"
