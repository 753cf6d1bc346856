import numpy as np

from capsule_inspect.dataset.drawing.draw_capsule import draw_capsule
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.modelfile.outputs import Outputs

CLASSES = ("good", "crack")


class Network:
    """Says good of the first window it sees, crack of all others, and remembers them."""

    def __init__(self):
        self.windows = []

    def __call__(self, window):
        self.windows.append(window)
        logits = (4, 0) if len(self.windows) == 1 else (0, 4)
        return Outputs(np.array(logits, np.float32), None)


def inspector(network: Network, roi: Roi) -> Inspector:
    return Inspector(network, CLASSES, roi, OperatingPoint())


def test_every_capsule_is_judged_in_reading_order():
    top, bottom = (draw_capsule("good", seed, 400).picture for seed in (3, 4))
    network = Network()
    findings = inspector(network, Roi()).inspect(np.vstack([top, bottom]))
    assert [finding.decision.label for finding in findings] == ["good", "crack"]
    # The outputs that a decision was made from come with it.
    assert [tuple(finding.outputs.logits) for finding in findings] == [(4, 0), (0, 4)]
    assert findings[0].crop.box.y < 400 < findings[1].crop.box.y
    assert [window.shape for window in network.windows] == [(192, 480, 3)] * 2
    assert all(window.dtype == np.uint8 for window in network.windows)


def test_an_empty_picture_has_no_findings_and_costs_no_network():
    network = Network()
    assert inspector(network, Roi()).inspect(np.full((400, 400, 3), 200, np.uint8)) == ()
    assert not network.windows


def test_the_whole_picture_can_be_the_window():
    network = Network()
    picture = np.full((20, 60, 3), (10, 20, 30), np.uint8)
    findings = inspector(network, Roi("whole", 48, 16, 42)).inspect(picture)
    assert len(findings) == 1
    assert (network.windows[0] == (10, 20, 30)).all()
