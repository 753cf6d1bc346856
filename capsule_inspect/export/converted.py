"""A network, and the model file that it was converted to."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from capsule_inspect import __version__
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.evaluation.evaluate import require_known_classes
from capsule_inspect.export.convert import convert
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.read_picture import read_picture
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.bundle import ModelBundle
from capsule_inspect.modelfile.interpreter import Interpreter
from capsule_inspect.modelfile.metadata import ModelMetadata
from capsule_inspect.settings.export_settings import ExportSettings
from capsule_inspect.training.load_trained import TrainedModel


@dataclass(frozen=True)
class Converted:
    """A model file in memory, read back by the runtime of `predict`.

    Attributes:
        model: The network it came from.
        out: The file to write.
        bundle: The model file; nothing is measured yet.
        interpreter: The runtime that executes it.
    """

    model: TrainedModel
    out: Path
    bundle: ModelBundle
    interpreter: Interpreter

    @property
    def inspector(self) -> Inspector:
        """The model file at work, at the network's operating point."""
        return replace(self.model.inspector, run=self.interpreter.run)

    def was_trained_on(self, data: DataSet) -> bool:
        """Tells whether the split `train` of a data set is what the network was trained on.

        If not, it may have seen any picture of the other splits.
        """
        return data.training_sha256 == self.model.rule.training_data_sha256


def convert_trained(
    model: TrainedModel, data: DataSet, out: Path, settings: ExportSettings
) -> Converted:
    """Converts a trained network and reads the result back.

    Args:
        model: The network and its decision rule.
        data: Whose split `train` the int8 ranges are measured on.
        out: The file to write later.
        settings: The format.

    Raises:
        DataError: The network does not know the data set's classes.
    """
    rule = model.rule
    require_known_classes(data.samples, rule.classes)
    out.parent.mkdir(parents=True, exist_ok=True)
    windows = list(_windows(data, _calibration_samples(data, settings.calibration), model))
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
    return Converted(model, out, bundle, Interpreter(bundle))


def _calibration_samples(data: DataSet, count: int) -> list[Sample]:
    """Takes training pictures of all classes in turn, so that rare defects are measured too."""
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
        picture = read_picture(data.root / sample.path)
        for crop in find_crops(picture, model.rule.roi):
            yield crop.take(picture)
