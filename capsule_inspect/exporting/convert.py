"""Convert a Keras network to TFLite."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capsule_inspect import __version__
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import DataError
from capsule_inspect.evaluation.evaluate import require_known_classes
from capsule_inspect.exporting.known_answer import compare_with_keras, find_known_answer
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.bundle import ModelBundle
from capsule_inspect.modelfile.metadata import ModelMetadata
from capsule_inspect.modelfile.runtime import IMAGE, Interpreter
from capsule_inspect.settings.groups import ExportSettings
from capsule_inspect.training.network_files import TrainedModel


def convert(network: Any, quantization: str, calibration: Sequence[NDArray[np.uint8]]) -> bytes:
    """Converts a network to a flatbuffer that takes one uint8 picture.

    Args:
        network: Keras model from `image` to a dict of outputs, whose names it keeps.
        quantization: One of `QUANTIZATIONS`.
        calibration: Windows, uint8 [H, W, 3], to measure int8 activation ranges on.

    Returns:
        A TensorFlow Lite flatbuffer with the signature `image` → `logits`, `mask_logits` and
        `features`, from which `predict` recognizes pictures unlike the training pictures.
    """
    import tensorflow as tf  # before Keras, or the converter loses weights

    from capsule_inspect.model.heads import with_features
    from capsule_inspect.model.normality import is_normality
    from capsule_inspect.model.tflite import convert_to_tflite

    def set_options(converter: Any) -> None:
        if quantization != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantization == "float16":
            converter.target_spec.supported_types = [tf.float16]
        elif quantization == "dynamic":
            # tflite-runtime 2.14 does not know the newer operator that per-channel Dense needs.
            converter._experimental_disable_per_channel_quantization_for_dense_layers = True
        elif quantization == "int8":
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.representative_dataset = lambda: _feed(calibration)

    # One network for all outputs, or the encoder would run twice.
    kept: tuple[str, ...] = ()
    if quantization == "int8":
        kept = _NORMALITY_IN_FLOAT if is_normality(network) else _IN_FLOAT
    return convert_to_tflite(with_features(network), set_options, kept)


_IN_FLOAT = ("SOFTMAX",)
"""Operators of int8 files that compute in float32. LiteRT has a softmax of whole numbers for 64-bit
ARM alone; its weights differ by a step from those of x86-64, which computes them in float32 in any
case. So this costs nothing, and the scores are the same."""


_NORMALITY_IN_FLOAT = (
    "FULLY_CONNECTED",
    "BATCH_MATMUL",
    "RESHAPE",
    "CONCATENATION",
    "RESIZE_BILINEAR",
    "PACK",
    "SUB",
    "MUL",
    "DIV",
    "SQUARE",
    "SQRT",
    "MAXIMUM",
    "RELU",
    "SUM",
    "MEAN",
    "REDUCE_MAX",
    "TOPK_V2",
    "STRIDED_SLICE",
)
"""Those of networks that know what is normal: all that follows the encoder's convolutions. Scores
are small differences of large numbers, and anomalies lie beyond the ranges of good pictures, where
int8 would cut them off."""


def _feed(windows: Iterable[NDArray[np.uint8]]) -> Iterator[dict[str, NDArray[np.uint8]]]:
    for window in windows:
        yield {IMAGE: window[None]}


@dataclass(frozen=True)
class Converted:
    """A model file in memory, loaded by the runtime of `predict`.

    Attributes:
        model: The network that it was converted from.
        out: The file to write.
        bundle: The model file with its known answer, still without metrics.
        interpreter: The runtime that executes it.
        doubts: What speaks against the file.
    """

    model: TrainedModel
    out: Path
    bundle: ModelBundle
    interpreter: Interpreter
    doubts: tuple[str, ...] = ()

    @property
    def inspector(self) -> Inspector:
        """An inspector that runs the model file at the operating point of the network."""
        return replace(self.model.inspector, run=self.interpreter.run)

    def was_trained_on(self, data: DataSet) -> bool:
        """Tells whether the network was trained on the split `train` of a data set.

        If not, it may have seen any picture of the other splits.
        """
        return data.training_sha256 == self.model.rule.training_data_sha256


def convert_trained(
    model: TrainedModel, data: DataSet, out: Path, settings: ExportSettings
) -> Converted:
    """Converts a trained network and loads the result.

    Args:
        model: The network and its decision rule.
        data: The data set; int8 ranges are measured on its split `train`.
        out: The file to write later.
        settings: The format, and the number of pictures to calibrate on.

    Raises:
        DataError: The network does not know the data set's classes, or there is no training picture
            to measure int8 ranges on.
        ModelFileError: LiteRT's kernels do not agree on a known answer.
    """
    from capsule_inspect.model.heads import with_features

    rule = model.rule
    require_known_classes(data.samples, rule.classes)
    out.parent.mkdir(parents=True, exist_ok=True)
    windows = list(_windows(data, _calibration_samples(data, settings.calibration), model))
    if settings.format == "int8" and not windows:
        raise DataError(
            "int8 needs training pictures with a capsule, to measure its ranges on, and this data "
            "set has none. Give the data set of the training with --data, or export as float16."
        )
    flatbuffer = convert(model.network, settings.format, windows)
    metadata = ModelMetadata(
        flatbuffer_sha256=hashlib.sha256(flatbuffer).hexdigest(),
        classes=rule.classes,
        roi=rule.roi,
        operating_point=rule.operating_point,
        quantization=settings.format,
        training_data_sha256=rule.training_data_sha256,
        training_statistics=None,
        metrics=(),
        measured_on="nothing yet",
        licence=rule.licence,
        created_with=f"capsule-inspect {__version__}",
    )
    bundle = ModelBundle(flatbuffer, metadata, str(out))
    known_answer = find_known_answer(bundle)
    bundle = replace(bundle, metadata=replace(metadata, known_answer=known_answer))
    doubts = tuple(compare_with_keras(with_features(model.network), bundle, known_answer))
    return Converted(model, out, bundle, Interpreter(bundle), doubts)


def _calibration_samples(data: DataSet, count: int) -> list[Sample]:
    """Takes training pictures of all classes in turn, so that rare defects are among them."""
    train = data.of_split("train")
    places: dict[str, int] = {}
    ranks = []
    for sample in train:
        ranks.append(places.get(sample.label, 0))
        places[sample.label] = ranks[-1] + 1
    order = sorted(range(len(train)), key=lambda index: (ranks[index], train[index].path))
    return [train[index] for index in order[:count]]


def _windows(
    data: DataSet, samples: Sequence[Sample], model: TrainedModel
) -> Iterator[NDArray[np.uint8]]:
    for sample in samples:
        picture = data.read_picture(sample)
        for crop in find_crops(picture, model.rule.roi):
            yield crop.take(picture)
