"""`capsule-inspect info`: what a model file says of itself."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.errors import MissingExtraError, ModelFileError, UsageError
from capsule_inspect.workflows.models import describe_expected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from capsule_inspect.imaging.roi import Roi
    from capsule_inspect.modelfile.bundle import ModelBundle
    from capsule_inspect.modelfile.metadata import ModelMetadata


def info(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A model made by export-tflite; the one that ships if not given.",
            show_default=False,
        ),
    ] = SHIPPED_MODEL,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all of it as one JSON object.")
    ] = False,
) -> None:
    """Show what a model file says of itself, and which runtime executes it here.

    Examples:
        capsule-inspect info
        capsule-inspect info model.tflite --json
    """
    if model.is_dir() or model.suffix == ".keras":
        kind = "a folder" if model.is_dir() else "a Keras network"
        raise UsageError(
            f"'{model}' is {kind}, and `info` is for model files. Make one of a trained network "
            f"first: capsule-inspect export-tflite {model} -o model.tflite"
        )
    from capsule_inspect.modelfile.bundle import read_bundle

    bundle = read_bundle(model)
    facts = _look_at(model, bundle)
    if as_json:
        document = {**asdict(facts), "metadata": asdict(bundle.metadata)}
        typer.echo(json.dumps(document, indent=2))
    else:
        _print(facts, bundle.metadata)


@dataclass(frozen=True)
class _FileFacts:
    """What can be said of a model file besides its metadata.

    Attributes:
        file: Its path.
        size: Its size in bytes.
        sha256: SHA-256 of the whole file, metadata included.
        runtime: Name and version of the runtime that executes it here; None if none does.
        problem: Why none does.
    """

    file: str
    size: int
    sha256: str
    runtime: str | None
    problem: str | None


def _look_at(file: Path, bundle: "ModelBundle") -> _FileFacts:
    data = file.read_bytes()
    runtime, problem = _try_runtime(bundle)
    return _FileFacts(
        str(file), len(data), hashlib.sha256(data).hexdigest(), runtime=runtime, problem=problem
    )


def _try_runtime(bundle: "ModelBundle") -> tuple[str | None, str | None]:
    """Loads the model, since what a runtime refuses shows in no version number."""
    from capsule_inspect.modelfile.runtime import Interpreter

    try:
        return Interpreter(bundle).runtime, None
    except (MissingExtraError, ModelFileError) as error:
        return None, str(error)


def _print(facts: _FileFacts, metadata: "ModelMetadata") -> None:
    from rich.table import Table
    from rich.text import Text

    from capsule_inspect.cli.console import results
    from capsule_inspect.cli.tables import print_metrics

    table = Table.grid("name", "value", padding=(0, 2, 0, 1))
    table.columns[1].overflow = "fold"
    for name, value in _rows(facts, metadata):
        table.add_row(name, Text(value))
    results.print(table)
    if metadata.metrics:
        results.print()
        print_metrics(metadata.metrics, metadata.measured_on)


def _rows(facts: _FileFacts, metadata: "ModelMetadata") -> "Iterator[tuple[str, str]]":
    point = metadata.operating_point
    yield "file", facts.file
    yield "size", f"{facts.size / 2**20:.2f} MiB ({facts.size:,} bytes)"
    yield "sha256", facts.sha256
    yield "runs here with", facts.runtime or f"nothing: {facts.problem}"
    yield "classes", ", ".join(metadata.classes)
    yield "window", _describe(metadata.roi)
    yield "quantization", metadata.quantization
    yield "threshold", f"{point.threshold:.4g}: defective from this defect score on"
    yield "mask threshold", f"{point.mask_threshold:.4g}"
    yield "temperature", f"{point.temperature:.4g}"
    yield "chosen by", point.chosen_by
    yield "expected", describe_expected(point)
    yield "training data", metadata.training_data_sha256
    if not metadata.metrics:
        yield "measured on", metadata.measured_on
    yield "licence", metadata.licence
    yield "created with", metadata.created_with


def _describe(roi: "Roi") -> str:
    size = f"{roi.width} x {roi.height} px"
    if roi.mode == "whole":
        return f"{size}, the whole picture"
    return f"{size}, each capsule upright and {roi.capsule_length} px long"
