"""`capsule-inspect info`: show the metadata of a model file."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.choices import CHECK_SECONDS, SHIPPED_MODEL
from capsule_inspect.errors import UsageError
from capsule_inspect.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from capsule_inspect.imaging.roi import Roi
    from capsule_inspect.workflows.info import ModelInfo


def info(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL",
            help="A model file from export-tflite; by default the shipped model.",
            show_default=False,
        ),
    ] = None,
    model_option: Annotated[
        Path | None,
        typer.Option("--model", help="The same as MODEL, as `predict` calls it."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Let each installed runtime load the model in a process of its own, and tell "
            "whether it answers rightly, answers wrongly or crashes.",
        ),
    ] = False,
    time_limit: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help=f"With --check: the most that a runtime may take; {CHECK_SECONDS:g} by default.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as one JSON object.")
    ] = False,
) -> None:
    """Show the metadata of a model file and the runtime that runs it here.

    Examples:
        capsule-inspect info model.tflite --json
        capsule-inspect info --check
    """
    from capsule_inspect.workflows import info as workflow

    if model and model_option:
        raise UsageError(f"'{model}' and '{model_option}' are two models: name one.")
    file = model or model_option or SHIPPED_MODEL
    if check:
        _check(file, time_limit, as_json)
        return
    if time_limit is not None:
        raise UsageError("--time-limit needs --check.")
    found = workflow.info(file)
    if as_json:
        typer.echo(json.dumps(found.to_document(), indent=2))
    else:
        _print(found)


def _check(file: Path, time_limit: float | None, as_json: bool) -> None:
    from capsule_inspect.workflows import info as workflow

    limit = CHECK_SECONDS if time_limit is None else time_limit
    result = workflow.check(file, limit)
    if as_json:
        typer.echo(json.dumps(asdict(result), indent=2))
    else:
        for each in result.checks:
            typer.echo(printable(each.sentence))
    result.require_usable()


def _print(found: "ModelInfo") -> None:
    from rich.table import Table
    from rich.text import Text

    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.cli.tables import print_metrics

    results = Terminal().results
    table = Table.grid("name", "value", padding=(0, 2, 0, 1))
    table.columns[1].overflow = "fold"
    for name, value in _rows(found):
        table.add_row(name, Text(value))
    results.print(table)
    if found.metadata.metrics:
        results.print()
        print_metrics(results, found.metadata.metrics, found.metadata.measured_on)


def _rows(found: "ModelInfo") -> "Iterator[tuple[str, str]]":
    from capsule_inspect.workflows.models import describe_expected, describe_outcomes

    metadata, point = found.metadata, found.metadata.operating_point
    yield "file", found.file
    yield "size", f"{found.size / 2**20:.2f} MiB ({found.size:,} bytes)"
    yield "sha256", found.sha256
    yield "network", metadata.flatbuffer_sha256
    yield "runs here with", found.runtime or f"nothing: {found.problem}"
    yield "known answer", _describe_known_answer(found)
    yield "classes", ", ".join(metadata.classes)
    yield "window", _describe(metadata.roi)
    yield "quantization", metadata.quantization
    yield "threshold", f"{point.threshold:.4g}: defective at this defect score or above"
    if point.review:
        yield (
            "review",
            f"from {point.review.accept_below:.4g} to below {point.review.reject_from:.4g}, and "
            "where a warning questions the picture",
        )
    yield "mask threshold", f"{point.mask_threshold:.4g}"
    yield "temperature", f"{point.temperature:.4g}"
    yield "chosen by", point.chosen_by
    yield "expected", describe_expected(point)
    if point.review:
        yield "with review", describe_outcomes(point.review)
    yield "training data", metadata.training_data_sha256
    if not metadata.metrics:
        yield "measured on", metadata.measured_on
    yield "licence", metadata.licence
    yield "created with", metadata.created_with


def _describe_known_answer(found: "ModelInfo") -> str:
    if found.metadata.known_answer is None:
        return (
            f"none, since the file is of format {found.metadata.format_version}: a runtime that "
            "computes wrongly is not noticed. Export the network again"
        )
    return "given by the runtime here" if found.runtime else "not given here"


def _describe(roi: "Roi") -> str:
    size = f"{roi.width} x {roi.height} px"
    if roi.mode == "whole":
        return f"{size}, the whole picture"
    if roi.mode == "stretched":
        return f"{size}, the whole picture stretched to it"
    return f"{size}, each capsule upright and {roi.capsule_length} px long"
