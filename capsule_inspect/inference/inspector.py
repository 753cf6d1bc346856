"""The inspector: it finds the capsules of a picture and decides on each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.checks import require_choice
from capsule_inspect.choices import DEFAULT_RUNTIME, SHIPPED_MODEL, RuntimeName
from capsule_inspect.errors import ModelFileError, UsageError
from capsule_inspect.files import StrPath
from capsule_inspect.imaging.appearance import measure_appearance
from capsule_inspect.imaging.crop import Crop, find_crops
from capsule_inspect.imaging.find_capsules import CapsuleBox
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.read import decode_picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import Decision, decide, override_threshold
from capsule_inspect.inference.warnings import Observation, find_warnings, warn_of_no_outline
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.metadata import ModelMetadata, OperatingPoint, TrainingStatistics
from capsule_inspect.modelfile.runtime import InterpreterPool, Outputs

RunNetwork = Callable[[NDArray[np.uint8]], Outputs]
"""Maps a uint8 RGB window [roi.height, roi.width, 3] to the network's outputs."""


@dataclass(frozen=True)
class Finding:
    """One capsule of a picture, and the decision about it.

    Attributes:
        crop: Where the capsule lies.
        decision: The label, the scores and the mask.
        outputs: The network's outputs, which the decision comes from.
        observation: The appearance of the capsule.
        warnings: Sentences that give reasons not to trust the decision.
    """

    crop: Crop
    decision: Decision
    outputs: Outputs
    observation: Observation
    warnings: tuple[str, ...] = ()

    @property
    def box(self) -> CapsuleBox:
        """The capsule's box in native pixels: centre, length, width and angle."""
        return self.crop.box

    @property
    def label(self) -> str:
        """`good` or a defect class."""
        return self.decision.label

    @property
    def confidence(self) -> float:
        """Probability of the label, in [0, 1]."""
        return self.decision.confidence

    @property
    def defect_score(self) -> float:
        """1 - p(good), in [0, 1]."""
        return self.decision.defect_score

    @property
    def is_defect(self) -> bool:
        """Whether the label is a defect class."""
        return self.decision.is_defect

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """The defect's pixels, bool [H, W], native size; None for a model without masks."""
        return self.decision.mask

    @property
    def hint(self) -> NDArray[np.float32] | None:
        """What speaks for the defect, float32 [H, W], from 0 to 1; None where there is no hint."""
        return None if self.decision.hint is None else self.decision.hint.map()


@dataclass(frozen=True)
class Inspector:
    """Finds and judges the capsules of pictures.

    Any number of threads may call one inspector, if its network allows it; those of model files do.

    Attributes:
        run: The network, in whichever runtime.
        classes: Class names, `good` first.
        roi: The window that the network sees.
        point: Temperature and thresholds.
        model_sha256: SHA-256 of the model's flatbuffer; empty for a network without a file.
        training_statistics: Statistics of the training pictures; None if not known.
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
            One finding per capsule, in reading order; empty if there is no capsule.

        Raises:
            TypeError: It is not such an array.
        """
        _require_rgb(picture)
        return tuple(self._judge(crop, picture) for crop in find_crops(picture, self.roi))

    def inspect_bytes(self, data: bytes, name: str = "The picture") -> tuple[Finding, ...]:
        """Decodes a picture file as `predict` does, and judges every capsule on it.

        Args:
            data: The whole content of a picture file: PNG, JPEG, BMP, TIFF, WebP, PGM, PPM or AVIF.
            name: The subject of messages about it, such as `The file 'a.png'`.

        Returns:
            One finding per capsule, in reading order; empty if there is no capsule. Their warnings
            begin with those about the file.

        Raises:
            PictureError: The content is no whole picture, or has more than `MAX_PIXELS`.
        """
        loaded = decode_picture(data, name)
        return tuple(
            replace(finding, warnings=(*loaded.warnings, *finding.warnings))
            for finding in self.inspect(loaded.pixels)
        )

    def _judge(self, crop: Crop, picture: Picture) -> Finding:
        window = crop.take(picture)
        outputs = self.run(window)
        shape = picture.shape[0], picture.shape[1]
        decision = decide(outputs, crop, shape, self.classes, self.point)
        observation = self._observe(picture, crop, window, outputs)
        warnings = (
            *find_warnings(crop, observation, self.training_statistics),
            *warn_of_no_outline(decision),
        )
        return Finding(crop, decision, outputs, observation, warnings)

    def _observe(
        self, picture: Picture, crop: Crop, window: NDArray[np.uint8], outputs: Outputs
    ) -> Observation:
        ood_score = None
        if self.training_statistics is not None and outputs.features is not None:
            ood_score = self.training_statistics.ood_score(outputs.features)
        return Observation(measure_appearance(picture, crop, window), ood_score)


def _require_rgb(picture: object) -> None:
    shape = tuple(getattr(picture, "shape", ()))
    dtype = getattr(picture, "dtype", type(picture).__name__)
    if dtype != np.uint8 or len(shape) != 3 or shape[-1] != 3 or 0 in shape:
        raise TypeError(f"The picture is {dtype}, {list(shape)}; give uint8 RGB, [H, W, 3].")


@dataclass(frozen=True, kw_only=True)
class LoadedInspector(Inspector):
    """An inspector from a model file.

    Attributes:
        metadata: The metadata of the file; its operating point is the file's own.
        runtime: Name and version of the runtime that executes it.
    """

    metadata: ModelMetadata
    runtime: str


def load(
    path: StrPath = SHIPPED_MODEL,
    *,
    threshold: float | None = None,
    runtime: RuntimeName = DEFAULT_RUNTIME,
    threads: int = 1,
) -> LoadedInspector:
    """Loads a model file, and checks that a runtime on this machine executes it rightly.

    A file of format 4 or later holds its network's answer to a test picture. The runtime must give
    that answer first.

    Args:
        path: A file made by `export-tflite`; by default the model that ships with the package.
        threshold: Replaces the file's own threshold, in [0, 1].
        runtime: The runtime that executes the model.
        threads: How many threads the runtime may use for each capsule; at least 1.

    Returns:
        An inspector for pictures; several threads may use it at once.

    Raises:
        ModelFileError: The file is missing, damaged or foreign, or is not executed rightly.
        MissingExtraError: The runtime is not installed.
        UsageError: The runtime is unknown, or threshold or threads are out of range.

    Example:
        >>> import numpy as np
        >>> inspector = load()
        >>> inspector.classes
        ('good', 'crack', 'faulty_imprint', 'poke', 'scratch', 'squeeze')
        >>> bare_table = np.full((300, 400, 3), 230, np.uint8)
        >>> inspector.inspect(bare_table)  # there is no capsule on it
        ()
    """
    file = Path(path)
    if file == SHIPPED_MODEL and not file.is_file():
        raise ModelFileError(
            f"The model that ships with capsule-inspect is missing from '{file}'. "
            "Install the package again, or name a model of your own."
        )
    require_choice("runtime", runtime, get_args(RuntimeName), UsageError)
    if threads < 1:
        raise UsageError(f"threads is {threads}, but must be at least 1.")
    bundle = read_bundle(file)
    meta = bundle.metadata
    point = override_threshold(meta.operating_point, threshold)
    pool = InterpreterPool(bundle, runtime, threads)
    return LoadedInspector(
        run=pool.run,
        classes=meta.classes,
        roi=meta.roi,
        point=point,
        model_sha256=meta.flatbuffer_sha256,
        training_statistics=meta.training_statistics,
        metadata=meta,
        runtime=pool.runtime,
    )
