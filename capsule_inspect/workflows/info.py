"""Read a model file, and find the runtime that executes it here."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.errors import MissingExtraError, ModelFileError, UsageError
from capsule_inspect.files import StrPath
from capsule_inspect.modelfile.bundle import ModelBundle, read_bundle
from capsule_inspect.modelfile.metadata import ModelMetadata
from capsule_inspect.modelfile.runtime import Interpreter


@dataclass(frozen=True)
class ModelInfo:
    """A model file.

    Attributes:
        file: Its path.
        size: Its size in bytes.
        sha256: SHA-256 of the whole file, metadata included.
        runtime: Name and version of the runtime that executes it here; None if none does.
        problem: Why none does.
        metadata: The metadata of the file.
    """

    file: str
    size: int
    sha256: str
    runtime: str | None
    problem: str | None
    metadata: ModelMetadata


def info(model: StrPath = SHIPPED_MODEL) -> ModelInfo:
    """Reads a model file, and finds the runtime that executes it.

    Args:
        model: A `.tflite` file; by default the one that ships.

    Raises:
        UsageError: It is a folder or a Keras network.
        ModelFileError: It is missing, damaged or foreign.
    """
    file = Path(model)
    if file.is_dir() or file.suffix == ".keras":
        kind = "a folder" if file.is_dir() else "a Keras network"
        raise UsageError(
            f"'{file}' is {kind}, and `info` is for model files. Make one of a trained network "
            f"first: capsule-inspect export-tflite {file} -o model.tflite"
        )
    bundle = read_bundle(file)
    runtime, problem = _try_runtime(bundle)
    return describe_file(file, bundle.metadata, runtime, problem)


def describe_file(
    file: Path, metadata: ModelMetadata, runtime: str | None, problem: str | None = None
) -> ModelInfo:
    """Describes a model file that was read before.

    Args:
        file: Its path.
        metadata: What it says of itself.
        runtime: Name and version of the runtime that executes it; None if none does.
        problem: Why none does.
    """
    content = file.read_bytes()
    return ModelInfo(
        file=str(file),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        runtime=runtime,
        problem=problem,
        metadata=metadata,
    )


def _try_runtime(bundle: ModelBundle) -> tuple[str | None, str | None]:
    """Loads the model, since what a runtime refuses shows in no version number."""
    try:
        return Interpreter(bundle).runtime, None
    except (MissingExtraError, ModelFileError) as error:
        return None, str(error)
