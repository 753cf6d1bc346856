"""A `.tflite` file → what inspects pictures with it."""

from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.errors import ModelFileError
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.interpreter_pool import InterpreterPool
from capsule_inspect.modelfile.metadata import ModelMetadata
from capsule_inspect.modelfile.runtime_name import RuntimeName
from capsule_inspect.modelfile.shipped_model import SHIPPED_MODEL


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


def load_model_file(
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
        >>> loaded = load_model_file()
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
