from capsule_inspect.cli.train import find_doubts
from capsule_inspect.modelfile.metadata import Metric


def test_a_network_that_rejects_or_passes_half_is_doubted():
    def doubts(**rates: float) -> str:
        return " ".join(
            find_doubts(Metric(name, rate, 28, None, None) for name, rate in rates.items())
        )

    assert "calls 100% of the good pictures defective" in doubts(false_alarm_rate=1.0)
    assert "misses 50% of the defects" in doubts(miss_rate=0.5, false_alarm_rate=0.49)
    assert doubts(miss_rate=0.4, false_alarm_rate=0.2, accuracy=0.9) == ""
