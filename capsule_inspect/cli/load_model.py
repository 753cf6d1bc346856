"""Loading whatever a person names as a model."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capsule_inspect.cli.extras import load_training_stack
from capsule_inspect.cli.options import RuntimeChoice

if TYPE_CHECKING:
    from capsule_inspect.inference.inspector import Inspector
    from capsule_inspect.modelfile.metadata import ModelMetadata


@dataclass(frozen=True)
class LoadedModel:
    """A model that can inspect pictures.

    Attributes:
        inspector: The network and its operating point.
        training_data_sha256: Identifies the pictures it was trained on.
        sha256: Of its file.
    """

    inspector: "Inspector"
    training_data_sha256: str
    sha256: str


@dataclass(frozen=True)
class LoadedFile:
    """A `.tflite` file that can inspect pictures, from several threads if need be.

    Attributes:
        inspector: The network and its operating point.
        metadata: What the file says of itself.
        runtime: Name and version of what executes it.
    """

    inspector: "Inspector"
    metadata: "ModelMetadata"
    runtime: str


def load_file(file: Path, runtime: RuntimeChoice, threads: int) -> LoadedFile:
    """Loads a `.tflite` file.

    Args:
        file: The file.
        runtime: What executes it.
        threads: The number of threads for each capsule.

    Raises:
        ModelFileError: The file is missing, damaged or foreign.
    """
    from capsule_inspect.inference.inspector import Inspector
    from capsule_inspect.modelfile.bundle import read_bundle
    from capsule_inspect.modelfile.interpreter_pool import InterpreterPool

    bundle = read_bundle(file)
    meta = bundle.metadata
    pool = InterpreterPool(bundle, runtime.value, threads)
    inspector = Inspector(
        pool.run,
        meta.classes,
        meta.roi,
        meta.operating_point,
        meta.flatbuffer_sha256,
        meta.training_statistics,
    )
    return LoadedFile(inspector, meta, pool.runtime)


def load_model(file: Path, runtime: RuntimeChoice, threads: int) -> LoadedModel:
    """Loads a `.tflite` file, or a `.keras` file with the decision.json beside it.

    Args:
        file: The file; TensorFlow is imported for a `.keras` one alone.
        runtime: What executes a `.tflite` file.
        threads: Its number of threads.

    Raises:
        ModelFileError: The file is missing, damaged or foreign.
        DataError: decision.json is missing or damaged.
    """
    if file.suffix == ".tflite":
        loaded = load_file(file, runtime, threads)
        return LoadedModel(loaded.inspector, loaded.metadata.training_data_sha256, _sha256(file))
    from capsule_inspect.training.find_model import find_model

    find_model(file)
    load_training_stack("evaluate")
    from capsule_inspect.training.load import load_trained

    trained = load_trained(file)
    return LoadedModel(trained.inspector, trained.rule.training_data_sha256, _sha256(file))


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
