"""Inspect a picture: find its capsules and decide on each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import SHIPPED_MODEL, RuntimeName
from capsule_inspect.errors import ModelFileError
from capsule_inspect.imaging.annotation import Annotation
from capsule_inspect.imaging.appearance import measure_appearance
from capsule_inspect.imaging.crop import Crop, find_crops
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import Decision, Observation, decide, find_warnings
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.metadata import ModelMetadata, OperatingPoint, TrainingStatistics
from capsule_inspect.modelfile.runtime import InterpreterPool, Outputs

RunNetwork = Callable[[NDArray[np.uint8]], Outputs]
"""Maps a uint8 RGB window [roi.height, roi.width, 3] to the network's outputs."""


@dataclass(frozen=True)
class Finding:
    """One capsule of a picture, and what was decided about it.

    Attributes:
        crop: Where it lies.
        decision: What was decided.
        outputs: What the network said, which the decision was made from.
        observation: What its window is like.
        warnings: Sentences that say why not to trust the decision.
    """

    crop: Crop
    decision: Decision
    outputs: Outputs
    observation: Observation
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspector:
    """Finds and judges the capsules of pictures.

    Attributes:
        run: The network, whichever runtime executes it.
        classes: Class names, `good` first.
        roi: The window the network sees.
        point: Temperature and thresholds.
        model_sha256: Of the model's flatbuffer; empty for a network that comes from no file.
        training_statistics: What the training pictures were like; None where that is not known.
    """

    run: RunNetwork
    classes: tuple[str, ...]
    roi: Roi
    point: OperatingPoint
    model_sha256: str = ""
    training_statistics: TrainingStatistics | None = None

    def inspect(self, picture: Picture) -> tuple[Finding, ...]:
        """Judges every capsule of a picture.

        Args:
            picture: uint8 RGB, [H, W, 3].

        Returns:
            One finding per capsule, in reading order; empty if no capsule was found.
        """
        return tuple(self._judge(crop, picture) for crop in find_crops(picture, self.roi))

    def _judge(self, crop: Crop, picture: Picture) -> Finding:
        window = crop.take(picture)
        outputs = self.run(window)
        shape = picture.shape[0], picture.shape[1]
        decision = decide(outputs, crop, shape, self.classes, self.point)
        observation = self._observe(crop, window, outputs)
        warnings = tuple(find_warnings(crop, observation, self.training_statistics))
        return Finding(crop, decision, outputs, observation, warnings)

    def _observe(self, crop: Crop, window: NDArray[np.uint8], outputs: Outputs) -> Observation:
        ood_score = None
        if self.training_statistics is not None and outputs.features is not None:
            ood_score = self.training_statistics.ood_score(outputs.features)
        return Observation(measure_appearance(window, crop.box.length), ood_score)


def annotate(finding: Finding) -> Annotation:
    """Returns what to draw for a finding."""
    decision = finding.decision
    return Annotation(
        finding.crop.box, decision.label, decision.confidence, decision.is_defect, decision.mask
    )


@dataclass(frozen=True)
class LoadedModelFile:
    """A model file that can inspect pictures, from any number of threads.

    Attributes:
        inspector: The network and its operating point.
        metadata: What the file says of itself.
        runtime: Name and version of what executes it.
    """

    inspector: Inspector
    metadata: ModelMetadata
    runtime: str


def load_inspector(
    file: Path = SHIPPED_MODEL, runtime: RuntimeName = "auto", threads: int = 1
) -> LoadedModelFile:
    """Loads a model file, and makes sure that a runtime here executes it.

    Args:
        file: Made by `export-tflite`; the one that ships if not given.
        runtime: What executes it.
        threads: How many threads the runtime may use for each capsule; at least 1.

    Returns:
        What inspects pictures with it, at the file's own operating point.

    Raises:
        ModelFileError: The file is missing, damaged or foreign, or cannot be executed.
        MissingExtraError: The runtime is not installed.

    Example:
        >>> import numpy as np
        >>> loaded = load_inspector()
        >>> loaded.inspector.classes
        ('good', 'crack', 'faulty_imprint', 'poke', 'scratch', 'squeeze')
        >>> bare_table = np.full((300, 400, 3), 230, np.uint8)
        >>> loaded.inspector.inspect(bare_table)  # there is no capsule on it
        ()
    """
    if file == SHIPPED_MODEL and not file.is_file():
        raise ModelFileError(
            f"The model that ships with capsule-inspect is missing from '{file}'. "
            "Install the package again, or name a model of your own."
        )
    bundle = read_bundle(file)
    meta = bundle.metadata
    pool = InterpreterPool(bundle, runtime, threads)
    inspector = Inspector(
        run=pool.run,
        classes=meta.classes,
        roi=meta.roi,
        point=meta.operating_point,
        model_sha256=meta.flatbuffer_sha256,
        training_statistics=meta.training_statistics,
    )
    return LoadedModelFile(inspector, meta, pool.runtime)
