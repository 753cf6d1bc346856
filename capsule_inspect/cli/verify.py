"""`capsule-inspect verify`: compare a results folder with its digests."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.errors import ConditionNotMetError
from capsule_inspect.text import counted, on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from capsule_inspect.inference.verify import Verification


def verify(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="A results folder of predict.")
    ],
    model: Annotated[
        Path | None,
        typer.Option("--model", help="The model file that the results are said to come from."),
    ] = None,
    inputs: Annotated[
        bool,
        typer.Option("--inputs", help="Compare the inspected pictures, too, where they still are."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as one JSON object.")
    ] = False,
) -> None:
    """Verify that a results folder is whole and unaltered, and came of a model.

    Compares rows, overlays, masks, report and settings with the digests that `predict` left, and
    names whatever was edited, added, moved or removed. Exits with code 1 if anything was. Note the
    seal elsewhere to notice later that someone made rows and digests anew.

    Examples:
        capsule-inspect verify results --model mine.tflite
        capsule-inspect verify results --inputs --json
    """
    from capsule_inspect.workflows import verify as workflow

    found = workflow.verify(results, model=model, inputs=inputs)
    if as_json:
        typer.echo(json.dumps({**asdict(found), "folder": str(found.folder)}, indent=2))
    else:
        for line in _lines(found):
            typer.echo(on_one_line(line))
    if found.problems:
        count = counted(len(found.problems), "thing")
        verb = "is" if len(found.problems) == 1 else "are"
        raise ConditionNotMetError(f"{count} in '{results}' {verb} not as the run left it.")


def _lines(found: "Verification") -> "Iterator[str]":
    yield from found.problems
    if not found.problems:
        yield f"'{found.folder}' is as the run left it: {counted(found.pictures, 'picture')}."
    if found.unread_inputs:
        yield (
            f"{counted(found.unread_inputs, 'picture')} cannot be read at the path in its row, so "
            "it was not compared."
            if found.unread_inputs == 1
            else f"{found.unread_inputs} pictures cannot be read at the paths in their rows, so "
            "they were not compared."
        )
    if not found.problems:
        yield f"Seal: {found.seal}"
