import numpy as np

from capsule_inspect.model.runner import KerasRunner


class Network:
    """Gives the sum of each window's pixels, twice."""

    def predict_on_batch(self, images):
        total = images.sum(axis=(1, 2, 3)).astype(np.float64)[:, None]
        return {"logits": total, "features": 2 * total}


def test_all_that_a_network_gives_comes_through():
    outputs = KerasRunner(Network())(np.full((2, 3, 3), 4, np.uint8))
    assert (outputs.logits.tolist(), outputs.logits.dtype) == ([72.0], np.float32)
    assert outputs.features.tolist() == [144.0]
    assert outputs.mask_logits is None
