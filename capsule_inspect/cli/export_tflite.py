"""`capsule-inspect export-tflite`: a trained network → one verified model file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from capsule_inspect.cli.extras import load_training_stack
from capsule_inspect.cli.options import ConfigDir, DataRoot, Overrides, PrintConfig, settings_from

if TYPE_CHECKING:
    from capsule_inspect.dataset.manifest import DataSet
    from capsule_inspect.export.export import Exported
    from capsule_inspect.settings import ExportSettings


def export_tflite(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A .keras file, or the folder of a run or study."),
    ],
    overrides: Overrides = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045  (Typer on 3.10 reads Optional only)
        typer.Option("-o", "--out", help="The file to write; model.tflite beside the network."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write the file even if it disagrees too much.")
    ] = False,
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Quantize a network to TensorFlow Lite, and check that it still agrees with itself.

    The file is read back through the runtime of `predict` and compared with the network on all
    pictures of data.dir; it is refused below export.min_agreement or above export.max_dice_drop.
    The runs of a study each get a file of their own.

    Example: capsule-inspect export-tflite runs/train/latest export=int8
    """
    settings = settings_from(overrides, config_dir, print_config, data_root, heavy=True)
    from capsule_inspect.cli.console import say
    from capsule_inspect.dataset.manifest import read_dataset
    from capsule_inspect.errors import UsageError
    from capsule_inspect.training.run_folder import RunFolder
    from capsule_inspect.training.study import open_study, require_finished

    data = read_dataset(Path(settings.data.dir), settings.data.root)
    study = open_study(model)
    if study is None:
        file = out or RunFolder(model if model.is_dir() else model.parent).exported
        load_training_stack("export-tflite", "tensorflow")
        _export(model, data, file, settings.export, force)
        say(f"Next: capsule-inspect predict PICTURES --model {file} -o out")
        return
    if out is not None:
        raise UsageError("The runs of a study each keep their file beside them. Leave --out away.")
    require_finished(study)
    load_training_stack("export-tflite", "tensorflow")
    for member in study.members:
        say(f"{member.run.path.name}:")
        view = study.view(data, member)
        _export(member.run.path, view, member.run.exported, settings.export, force)
    say(f"Next: capsule-inspect evaluate {study.path} data.dir={settings.data.dir}")


def _export(
    model: Path, data: "DataSet", file: Path, settings: "ExportSettings", force: bool
) -> None:
    """Exports one network, and prints how it compares."""
    from capsule_inspect.cli.console import say, warn
    from capsule_inspect.cli.progress import watch_pictures
    from capsule_inspect.cli.tables import print_metrics
    from capsule_inspect.export import export
    from capsule_inspect.training.load import load_trained

    trained = load_trained(model)
    say(f"Converting to {settings.format}.")
    with watch_pictures(len(data.samples), "Comparing") as advance:
        exported = export.export_tflite(trained, data, file, settings, force, advance)
    _print_parity(exported)
    print_metrics(exported.metrics, exported.measured_on)
    for complaint in exported.complaints:
        warn(f"{complaint} Written all the same (--force).")
    say(f"Wrote {file} ({exported.size / 2**20:.2f} MiB).")


def _print_parity(exported: "Exported") -> None:
    from rich import box
    from rich.table import Table

    from capsule_inspect.cli.console import results

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
