"""The requirements on every encoder, in one class; each encoder adds its own."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from describe_model import describe_model

from capsule_inspect.errors import ConfigError
from capsule_inspect.exporting.convert import convert
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.model.encoders.encoder import PREFIX, set_encoder_trainable
from capsule_inspect.model.encoders.registry import ENCODERS, get_encoder, require_encoder
from capsule_inspect.model.keras_runner import KerasRunner
from capsule_inspect.model.network import build_network
from capsule_inspect.modelfile.bundle import ModelBundle
from capsule_inspect.modelfile.runtime import Interpreter
from capsule_inspect.settings.groups import ModelSettings, TrainSettings
from capsule_inspect.training.network_files import load_network
from capsule_inspect.training.stages import plan_stages, start_stage

HEIGHT, WIDTH, CLASSES = 64, 96, ("good", "crack", "poke")


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, HEIGHT, WIDTH, 3)).astype(np.uint8)


def targets(count: int) -> dict[str, np.ndarray]:
    labels = np.eye(3, dtype=np.float32)[np.arange(count) % 3]
    masks = np.broadcast_to(labels[:, None, None], (count, HEIGHT // 2, WIDTH // 2, 3))
    return {"logits": labels, "mask_logits": np.ascontiguousarray(masks)}


class EncoderCase:
    """From building to the small runtime, comparing by output name."""

    name: str
    filters: list[int]
    strides: tuple[int, ...]

    def build(self) -> keras.Model:
        keras.utils.set_random_seed(0)
        settings = ModelSettings(
            encoder=self.name,
            weights="none",
            roi=Roi("capsule", WIDTH, HEIGHT, 80),
            decoder="unet",
            decoder_filters=self.filters,
            mask_stride=2,
            head_units=[8],
        )
        return build_network(settings, len(CLASSES))

    def trained(self) -> keras.Model:
        """Two steps."""
        network = self.build()
        train = TrainSettings(epochs=1, steps=2)
        start_stage(network, plan_stages(train)[0], train)
        before = [np.array(v) for v in network.trainable_variables]
        losses = [network.train_on_batch(pictures(4), targets(4))[0] for _ in range(2)]
        assert np.isfinite(losses).all()
        moved = [
            not np.array_equal(b, v)
            for b, v in zip(before, network.trainable_variables, strict=True)
        ]
        assert np.mean(moved) > 0.9  # units that start dead stay as they are
        return network

    def test_features_double_their_stride_down_to_32(self):
        image = keras.Input((HEIGHT, WIDTH, 3), dtype="uint8")
        shapes = [tuple(x.shape[1:3]) for x in get_encoder(self.name).build(image)]
        assert shapes == [(HEIGHT // s, WIDTH // s) for s in self.strides]

    def test_its_layers_are_known_by_name_and_freeze(self):
        network = self.build()
        all_of_them = len(network.trainable_variables)
        own = {v.path for v in network.trainable_variables if v.path.startswith(PREFIX)}
        set_encoder_trainable(network, False)
        left = {v.path for v in network.trainable_variables}
        assert own
        assert len(left) == all_of_them - len(own)
        assert not any(path.startswith(PREFIX) for path in left)
        set_encoder_trainable(network, True)
        assert len(network.trainable_variables) == all_of_them

    @pytest.mark.slow
    def test_trains_saves_loads_exports_int8_and_runs_in_the_small_runtime(self, tmp_path):
        network = self.trained()
        file = tmp_path / "network.keras"
        network.save(file)
        loaded = load_network(file, compiled=True)
        assert int(loaded.optimizer.iterations) == 2
        keras_outputs = KerasRunner(network)(pictures(1)[0])
        again = KerasRunner(loaded)(pictures(1)[0])
        # Sums of floats may be taken in another order, which moves their last digits.
        assert np.allclose(again.logits, keras_outputs.logits, rtol=0, atol=1e-5)
        assert np.allclose(again.mask_logits, keras_outputs.mask_logits, rtol=0, atol=1e-5)

        flatbuffer = convert(network, "int8", list(pictures(8)))
        described = describe_model(
            flatbuffer, classes=CLASSES, roi=Roi("capsule", WIDTH, HEIGHT, 80), quantization="int8"
        )
        ran = Interpreter(ModelBundle(flatbuffer, described, "the test")).run(pictures(1)[0])
        for name in ("logits", "mask_logits"):
            mine, theirs = getattr(keras_outputs, name), getattr(ran, name)
            assert mine.shape == theirs.shape
            assert theirs.dtype == np.float32
            # Eight bits over the range of a layer's outputs, through tens of layers.
            assert np.abs(mine - theirs).mean() < 0.15 * max(np.ptp(mine), 0.1)


class TestEfficientNetLite0(EncoderCase):
    name, filters, strides = "efficientnet_lite0", [8, 8, 8, 8], (2, 4, 8, 16, 32)


@pytest.mark.slow
class TestEfficientNetLite1(EncoderCase):
    name, filters, strides = "efficientnet_lite1", [8, 8, 8, 8], (2, 4, 8, 16, 32)


@pytest.mark.slow
class TestEfficientNetLite2(EncoderCase):
    name, filters, strides = "efficientnet_lite2", [8, 8, 8, 8], (2, 4, 8, 16, 32)


@pytest.mark.slow
class TestConvNeXtTiny(EncoderCase):
    name, filters, strides = "convnext_tiny", [8, 8, 8], (4, 8, 16, 32)


def test_every_encoder_has_a_case():
    cases = {case.name for case in EncoderCase.__subclasses__()}
    assert cases == set(ENCODERS)


def test_an_unknown_encoder_is_answered_with_the_one_that_was_meant_and_all():
    for look in (require_encoder, get_encoder):
        with pytest.raises(ConfigError) as refused:
            look("efficientnet_lite0b")
        assert str(refused.value).startswith(
            "model.encoder cannot be 'efficientnet_lite0b'. Did you mean 'efficientnet_lite0'? "
            "Known: efficientnet_lite0, efficientnet_lite1,"
        )


def test_names_are_checked_without_keras():
    code = """
import sys
from capsule_inspect.model.encoders.registry import require_encoder
require_encoder("convnext_tiny")
assert not {"keras", "tensorflow", "numpy"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
