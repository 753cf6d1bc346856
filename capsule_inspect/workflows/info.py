"""Read a model file, find the runtime that executes it here, and check all that are installed."""

import hashlib
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path

from capsule_inspect.choices import CHECK_SECONDS, SHIPPED_MODEL
from capsule_inspect.errors import MissingExtraError, ModelFileError, UsageError
from capsule_inspect.files import StrPath
from capsule_inspect.modelfile.bundle import ModelBundle, read_bundle
from capsule_inspect.modelfile.known_answer import describe_processor
from capsule_inspect.modelfile.metadata import ModelMetadata
from capsule_inspect.modelfile.runtime import RUNTIMES, Interpreter, choose_runtime, is_installed
from capsule_inspect.modelfile.runtime_check import RuntimeCheck, check_runtime


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

    def to_document(self) -> dict[str, object]:
        """Returns it as JSON values, the metadata as the file holds them."""
        document = asdict(self)
        document["metadata"]["operating_point"] = self.metadata.operating_point.to_document()
        return document


@dataclass(frozen=True)
class CheckResult:
    """What the runtimes of this machine make of a model file.

    Attributes:
        file: The path of the file.
        processor: The processor of this machine.
        checks: One for each installed runtime, the preferred one first.
    """

    file: str
    processor: str
    checks: tuple[RuntimeCheck, ...]

    def require_usable(self) -> None:
        """Raises ModelFileError if something speaks against a runtime."""
        usable = [each.name for each in self.checks if each.is_usable]
        if not usable:
            raise ModelFileError(
                f"No runtime here can be trusted with '{self.file}': its sentence says what to do."
            )
        if len(usable) < len(self.checks):
            raise ModelFileError(
                f"Only one of {len(self.checks)} runtimes here can be trusted with '{self.file}': "
                f"use `--runtime {usable[0]}`."
            )


def info(model: StrPath = SHIPPED_MODEL) -> ModelInfo:
    """Reads a model file, and finds the runtime that executes it.

    Args:
        model: A `.tflite` file; by default the one that ships.

    Raises:
        UsageError: It is a folder or a Keras network.
        ModelFileError: It is missing, damaged or foreign.
    """
    file = Path(model)
    bundle = _read(file)
    runtime, problem = _try_runtime(bundle)
    return describe_file(file, bundle.metadata, runtime, problem)


def check(model: StrPath = SHIPPED_MODEL, limit: float = CHECK_SECONDS) -> CheckResult:
    """Lets each installed runtime load a model file, in a process of its own.

    Args:
        model: A `.tflite` file; by default the one that ships.
        limit: How many seconds each runtime may take, above 0.

    Raises:
        UsageError: It is a folder or a Keras network, or the limit is out of range.
        ModelFileError: It is missing, damaged or foreign.
        MissingExtraError: No runtime is installed.
    """
    if not 0 < limit < inf:
        raise UsageError(f"The time limit is {limit:g} s, but must be above 0 and finite.")
    file = Path(model)
    _read(file)
    installed = [name for name in RUNTIMES if is_installed(name)]
    if not installed:
        choose_runtime("auto")  # raises an error that says what to install
    checks = tuple(check_runtime(file, name, limit) for name in installed)
    return CheckResult(str(file), describe_processor(), checks)


def _read(file: Path) -> ModelBundle:
    if file.is_dir() or file.suffix == ".keras":
        kind = "a folder" if file.is_dir() else "a Keras network"
        raise UsageError(
            f"'{file}' is {kind}, and `info` is for model files. Make one of a trained network "
            f"first: capsule-inspect export-tflite {file} -o model.tflite"
        )
    return read_bundle(file)


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
