"""The options of `predict`, in the panels that its help shows."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from capsule_inspect.cli.complete import complete_setting
from capsule_inspect.modelfile.runtime_name import RuntimeName

_RESULTS, _DECISION, _AGAIN = "Results", "Decision", "Runs that exist"
_SPEED, _MESSAGES = "Speed", "Messages"


Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUTS... KEY=VALUE",
        help="Picture files, folders, quoted patterns such as 'line-*/*.png', @LIST for the lines "
        "of a file and - for those of stdin; then settings to change, such as predict.threads=2.",
        show_default=False,
        autocompletion=complete_setting,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        help="The folder for the results, new or empty; runs/predict/TIME-NAME if not given.",
        show_default=False,
    ),
]
Recursive = Annotated[bool, typer.Option("-r", "--recursive", help="Look into subfolders, too.")]
Overlays = Annotated[
    Literal["all", "defects", "none"],
    typer.Option(
        help="Which pictures to write with their findings drawn in.", rich_help_panel=_RESULTS
    ),
]
NoOverlays = Annotated[
    bool,
    typer.Option("--no-overlays", help="The same as --overlays none.", rich_help_panel=_RESULTS),
]
OverlayFormat = Annotated[
    Literal["png", "jpg", "webp"],
    typer.Option(
        help="What overlays are written as; png keeps every pixel.", rich_help_panel=_RESULTS
    ),
]
Masks = Annotated[
    bool, typer.Option("--masks", help="Write masks of the defects.", rich_help_panel=_RESULTS)
]
Report = Annotated[
    bool,
    typer.Option(
        "--report",
        help="Write report.html, a page to look through, too.",
        rich_help_panel=_RESULTS,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print the rows as JSON lines, too.", rich_help_panel=_RESULTS),
]
AsTable = Annotated[
    bool,
    typer.Option("--table", help="Print the results as a table, too.", rich_help_panel=_RESULTS),
]
Model = Annotated[
    Path | None,
    typer.Option(
        help="A model made by export-tflite, instead of the one that ships.",
        rich_help_panel=_DECISION,
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="0..1",
        help="Capsules with at least this defect score are defective; else the model decides.",
        rich_help_panel=_DECISION,
    ),
]
FailOnDefect = Annotated[
    bool,
    typer.Option(
        "--fail-on-defect",
        help="End with exit code 1 if a capsule is defective or a picture shows none.",
        rich_help_panel=_DECISION,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the run in the results folder.", rich_help_panel=_AGAIN
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Remove the run in the results folder first.", rich_help_panel=_AGAIN
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "-j",
        "--jobs",
        min=1,
        help="Pictures to work on at a time; as many as there are cores if not given.",
        show_default=False,
        rich_help_panel=_SPEED,
    ),
]
ModelRuntime = Annotated[
    RuntimeName,
    typer.Option(
        metavar="NAME",
        help="What executes the model: auto, ai-edge-litert or tflite-runtime.",
        rich_help_panel=_SPEED,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("-q", "--quiet", help="Say nothing but errors.", rich_help_panel=_MESSAGES),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        help="Say which model, runtime and threshold.",
        rich_help_panel=_MESSAGES,
    ),
]
LogFile = Annotated[
    Path | None,
    typer.Option(
        help="Append all messages and warnings to this file.",
        show_default=False,
        rich_help_panel=_MESSAGES,
    ),
]
