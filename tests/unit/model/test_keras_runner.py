import keras
import numpy as np
import pytest

from capsule_inspect.model.keras_runner import KerasRunner


def network(with_mask: bool) -> keras.Model:
    """Finds red and green in the whole picture, and in each of its quarters."""
    image = keras.Input((4, 6, 3), dtype="uint8", name="image")
    two = keras.layers.Rescaling(1 / 255)(image)[..., :2]
    outputs = {"logits": keras.layers.GlobalAveragePooling2D()(two)}
    if with_mask:
        outputs["mask_logits"] = keras.layers.AveragePooling2D((2, 3))(two)
    return keras.Model(image, outputs)


def test_one_picture_gives_its_outputs_and_stays_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    before = image.copy()
    ran = KerasRunner(network(with_mask=True))(image)
    assert (ran.logits.dtype, ran.mask_logits.dtype) == (np.float32, np.float32)
    scaled = image[..., :2] / 255
    assert ran.logits == pytest.approx(scaled.mean(axis=(0, 1)), abs=1e-6)
    quarters = scaled.reshape(2, 2, 2, 3, 2).mean(axis=(1, 3))
    assert ran.mask_logits == pytest.approx(quarters, abs=1e-6)
    assert np.array_equal(image, before)


def test_without_a_mask_head_there_is_no_mask():
    assert KerasRunner(network(with_mask=False))(np.zeros((4, 6, 3), np.uint8)).mask_logits is None


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
