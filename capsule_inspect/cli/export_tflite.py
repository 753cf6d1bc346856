"""`capsule-inspect export-tflite`: convert a trained network to one verified model file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.cli.next_steps import evaluate_next, predict_next
from capsule_inspect.cli.options import (
    ConfigDir,
    Data,
    DataRoot,
    PrintConfig,
    print_settings,
    settings_argument,
)

if TYPE_CHECKING:
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.exporting.write import Exported


def export_tflite(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A .keras file, or the folder of a run or study."),
    ],
    overrides: Annotated[list[str] | None, settings_argument("export.format=float16")] = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="The file to write; by default model.tflite beside the network."
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Write the file even if it differs too much from the network."
        ),
    ] = False,
    cross_validation: Annotated[
        Path | None,
        typer.Option(
            "--cross-validation",
            help="The folder that `evaluate` wrote for a study. The file gets its threshold and "
            "metrics.",
        ),
    ] = None,
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Convert a network to TensorFlow Lite and check that the file agrees with it.

    Loads the file with the runtime of `predict`, chooses its threshold (threshold.policy), and
    compares it with the network on all pictures of the data set. The command writes no file if too
    few labels agree (export.min_agreement) or Dice drops too far (export.max_dice_drop). For a
    study, it writes one file per run.

    Examples:
        capsule-inspect export-tflite runs/first --data data/capsule -o model.tflite
        capsule-inspect export-tflite runs/first threshold.policy=max_miss_rate threshold.value=.02
    """
    if print_config:
        where = {"data": data, "data_root": data_root, "cross_validation": cross_validation}
        print_settings(overrides, config_dir, "export", **where)
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.workflows import export as workflow

    terminal = Terminal()
    with showing_refusals(terminal):
        result = workflow.export(
            model,
            data,
            out=out,
            force=force,
            data_root=data_root,
            cross_validation=cross_validation,
            overrides=overrides or (),
            config_dir=config_dir,
            on_file=lambda exported: show_file(terminal, exported),
            reporter=terminal,
        )
    if result.study:
        following = evaluate_next(result.study, result.data)
    else:
        (file,) = result.files
        following = predict_next(file.path)
    terminal.say(f"Next: {following}")


@contextmanager
def showing_refusals(terminal: "Terminal") -> Iterator[None]:
    """Prints the comparison that refuses an export, before the sentence that says so."""
    from capsule_inspect.cli.tables import print_parity
    from capsule_inspect.exporting.parity import DisagreementError

    try:
        yield
    except DisagreementError as refused:
        print_parity(terminal.results, refused.parity, refused.runtime, refused.limits)
        raise


def show_file(terminal: "Terminal", exported: "Exported") -> None:
    """Prints how a file compares with its network, its metrics, and where it is."""
    from capsule_inspect.cli.tables import print_metrics, print_parity
    from capsule_inspect.workflows.models import describe_outcomes

    print_parity(terminal.results, exported.parity, exported.runtime, exported.limits)
    print_metrics(terminal.results, exported.metrics, exported.measured_on)
    for complaint in exported.complaints:
        terminal.warn(f"{complaint} Written anyway (--force).")
    point = exported.point
    terminal.say(f"Threshold {point.threshold:.4g} ({point.chosen_by}).")
    if point.review:
        terminal.say(
            f"A person reviews scores from {point.review.accept_below:.4g} to below "
            f"{point.review.reject_from:.4g}. Expect {describe_outcomes(point.review)}."
        )
    if exported.replaced:
        terminal.say(f"Replaces {exported.replaced}.")
    terminal.say(f"Wrote {exported.path} ({exported.size / 2**20:.2f} MiB).")
