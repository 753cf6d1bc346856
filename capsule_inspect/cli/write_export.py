"""Converting a network, and writing the file if it agrees with it."""

from pathlib import Path

from rich import box
from rich.table import Table

from capsule_inspect.cli.console import results, say, warn
from capsule_inspect.cli.progress import watch_pictures
from capsule_inspect.cli.tables import print_metrics
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.export.converted import Converted, convert_trained
from capsule_inspect.export.cross_validated import CrossValidated
from capsule_inspect.export.write_verified import Exported, write_verified
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.settings.export_settings import ExportSettings
from capsule_inspect.training.load_trained import load_trained


def convert_network(model: Path, data: DataSet, file: Path, settings: ExportSettings) -> Converted:
    """Converts a network in memory, and says so.

    Args:
        model: A .keras file, or the folder of a run.
        data: Whose training split the ranges of int8 are measured on.
        file: Where the model file is to go.
        settings: The format.
    """
    say(f"Converting to {settings.format}.")
    return convert_trained(load_trained(model), data, file, settings)


def write_export(
    converted: Converted,
    data: DataSet,
    point: OperatingPoint,
    settings: ExportSettings,
    force: bool,
    measured: CrossValidated | None = None,
) -> None:
    """Compares and writes one file, and prints how it compares.

    Args:
        converted: The model file in memory.
        data: Pictures to compare on: all.
        point: The operating point of the file.
        settings: How far it may disagree with its network.
        force: Write it even if it disagrees further.
        measured: Whose metrics go into the file; None to measure it on a split of `data`.
    """
    total = len(data.samples) + len(data.of_split("train"))
    with watch_pictures(total, "Comparing") as advance:
        exported = write_verified(
            converted,
            data,
            point,
            settings,
            cross_validated=measured,
            force=force,
            advance=advance,
        )
    _print_parity(exported)
    print_metrics(exported.metrics, exported.measured_on)
    for complaint in exported.complaints:
        warn(f"{complaint} Written all the same (--force).")
    say(f"Wrote {exported.path} ({exported.size / 2**20:.2f} MiB).")


def _print_parity(exported: Exported) -> None:
    parity = exported.parity
    table = Table(
        "comparison",
        title=f"{parity.pictures} pictures, network against {exported.runtime}",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("value", justify="right")
    table.add_row("same label", f"{parity.agreement:.2%}")
    for gap in parity.gaps:
        table.add_row(f"{gap.name}: mean difference", f"{gap.mean:.4f}")
        table.add_row(f"{gap.name}: largest difference", f"{gap.largest:.4f}")
    if parity.dice_before is not None and parity.dice_after is not None:
        table.add_row("Dice of the network", f"{parity.dice_before:.4f}")
        table.add_row("Dice of the file", f"{parity.dice_after:.4f}")
    results.print(table)
