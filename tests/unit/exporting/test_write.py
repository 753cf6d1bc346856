import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import ModelFileError
from capsule_inspect.exporting.convert import Converted
from capsule_inspect.exporting.operating_point import PooledResults
from capsule_inspect.exporting.write import write_verified
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint
from capsule_inspect.modelfile.runtime import Interpreter
from capsule_inspect.settings.groups import ExportSettings, Settings
from capsule_inspect.training.decision import DecisionRule
from capsule_inspect.training.network_files import TrainedModel

POINT = OperatingPoint(1.0, 0.5, 0.5, "the tests")
SETTINGS = ExportSettings()
CLASSES = ("good", "crack", "scratch")


class Twin:
    """What the small model file says, as a Keras network says it: see `make_tiny.py`."""

    def __init__(self, mistaken: bool = False, mask_shift: float = 0.0) -> None:
        self._mistaken, self._mask_shift = mistaken, mask_shift

    def predict_on_batch(self, images):
        red, green, blue = (images[..., channel].astype(float) for channel in range(3))
        pixels = np.stack([red - 128, green - 128, blue - green], axis=-1) / 64
        logits = pixels.mean(axis=(1, 2))
        masks = pixels[:, ::2, ::2]
        masks[..., 0] += self._mask_shift
        return {"logits": np.roll(logits, 1) if self._mistaken else logits, "mask_logits": masks}


@pytest.fixture
def data(tmp_path: Path, paint, save_picture) -> DataSet:
    """A picture of each class in each split; every pixel of a defective one is defect."""
    samples = []
    for split in ("train", "val", "test"):
        for label in CLASSES:
            name = f"{split}-{label}"
            paint(tmp_path / f"{name}.png", label)
            save_picture(tmp_path / f"{name}_mask.png", np.full((32, 96), 255, np.uint8))
            mask = "" if label == "good" else f"{name}_mask.png"
            sha256 = hashlib.sha256(name.encode()).hexdigest()
            samples.append(Sample(f"{name}.png", label, mask, split, None, sha256, 96, 32))
    return DataSet(tmp_path, CLASSES, tuple(samples), 0, "", "", "")


def without(data: DataSet, *splits: str) -> DataSet:
    return replace(data, samples=tuple(s for s in data.samples if s.split not in splits))


def convert(data: DataSet, tiny_model: Path, network: object) -> Converted:
    """The small model file, as if it were converted from a network trained on the data."""
    bundle = read_bundle(tiny_model)
    rule = DecisionRule(CLASSES, bundle.metadata.roi, POINT, data.training_sha256, "none")
    out = data.root / "model.tflite"
    return Converted(TrainedModel(network, rule), out, bundle, Interpreter(bundle))


@pytest.fixture
def converted(data, tiny_model) -> Converted:
    return convert(data, tiny_model, Twin())


def test_a_faithful_file_is_measured_on_the_test_split_and_written(data, converted):
    seen = []
    exported = write_verified(converted, data, POINT, SETTINGS, advance=lambda: seen.append(1))
    assert len(seen) == 9 + 3  # all pictures to compare on, and those of the training
    assert exported.parity.agreement == 1
    assert exported.complaints == ()
    assert exported.size == exported.path.stat().st_size
    metadata = read_bundle(exported.path).metadata
    assert metadata.operating_point == POINT
    assert metadata.measured_on == "the test split, unseen in training: 3 pictures"
    assert metadata.metrics == exported.metrics
    assert {m.name: (m.value, m.n) for m in exported.metrics}["accuracy"] == (1, 3)
    assert metadata.training_statistics is None  # this model gives no features


def test_a_file_that_labels_otherwise_is_not_written_unless_forced(data, tiny_model):
    converted = convert(data, tiny_model, Twin(mistaken=True))
    with pytest.raises(ModelFileError, match=r"gives 0\.0% of 9 pictures.*98\.0%.*--force"):
        write_verified(converted, data, POINT, SETTINGS)
    assert not converted.out.exists()
    exported = write_verified(converted, data, POINT, SETTINGS, force=True)
    assert len(exported.complaints) == 1
    assert read_bundle(exported.path).flatbuffer == converted.bundle.flatbuffer


@pytest.mark.parametrize(
    ("quantization", "advice"),
    [
        ("int8", "Export as float16, train longer, or"),
        ("dynamic", "Export as float16, train longer, or"),
        ("float16", "Train longer, or"),
    ],
)
def test_a_finer_format_is_advised_where_there_is_one(data, tiny_model, quantization, advice):
    converted = convert(data, tiny_model, Twin(mistaken=True))
    metadata = replace(converted.bundle.metadata, quantization=quantization)
    coarse = replace(converted, bundle=replace(converted.bundle, metadata=metadata))
    with pytest.raises(
        ModelFileError, match=f"Nothing was written. {advice} write it anyway with --force"
    ):
        write_verified(coarse, data, POINT, SETTINGS)


@pytest.mark.parametrize(("agreement", "fails"), [(6 / 9, False), (6 / 9 + 1e-6, True)])
def test_the_least_agreement_asked_for_is_enough(data, tiny_model, agreement, fails):
    # The network takes the blue of scratches for cracks, the file does not.
    class TakesScratchForCrack(Twin):
        def predict_on_batch(self, images):
            outputs = super().predict_on_batch(images)
            if images[0, 0, 0, 2] > 0:
                outputs["logits"] = np.array([[-2.0, 2.0, 0.0]])
            return outputs

    converted = convert(data, tiny_model, TakesScratchForCrack())
    settings = replace(SETTINGS, min_agreement=agreement)
    if not fails:
        assert write_verified(converted, data, POINT, settings).parity.agreement == 6 / 9
        return
    with pytest.raises(ModelFileError, match=r"gives 66\.7% of 9 pictures"):
        write_verified(converted, data, POINT, settings)


def test_a_file_whose_masks_are_worse_is_not_written(data, tiny_model):
    # At this threshold the file finds no pixel of the cracks, and the network all of them.
    sure = replace(POINT, mask_threshold=0.99)
    converted = convert(data, tiny_model, Twin(mask_shift=-9.0))
    with pytest.raises(ModelFileError, match=r"Dice falls .*; a fall of 0\.02 at most") as caught:
        write_verified(converted, data, sure, SETTINGS)
    before, after = map(float, re.findall(r"[01]\.\d{3}", str(caught.value)))
    assert after == pytest.approx(before / 2, abs=1e-3)
    assert not converted.out.exists()


def test_without_a_test_split_it_is_measured_on_the_validation_split(data, converted):
    exported = write_verified(converted, without(data, "test"), POINT, SETTINGS)
    assert exported.measured_on == (
        "the validation split, on which the operating point was chosen: 3 pictures"
    )


def test_without_either_nothing_is_measured(data, converted):
    exported = write_verified(converted, without(data, "test", "val"), POINT, SETTINGS)
    assert exported.metrics == ()
    assert exported.measured_on.startswith("nothing:")


def test_pictures_the_network_was_not_trained_on_are_said_to_be_others(data, converted):
    other = replace(data, samples=data.samples[1:])
    seen = []
    exported = write_verified(converted, other, POINT, SETTINGS, advance=lambda: seen.append(1))
    assert exported.measured_on.startswith("another split than the model was trained on: ")
    assert len(seen) == len(other.samples)  # to compare on; what the training was like is not known


def test_metrics_of_a_study_take_the_place_of_a_split(data, converted):
    metrics = (Metric("accuracy", 0.9, 10, 0.6, 0.98),)
    study = PooledResults(POINT, metrics, "ten pictures", "ab" * 32, Settings())
    exported = write_verified(converted, data, POINT, SETTINGS, cross_validated=study)
    assert (exported.metrics, exported.measured_on) == (metrics, "ten pictures")
    assert read_bundle(exported.path).metadata.metrics == metrics
