"""Export a network or a study to model files."""

from pathlib import Path

from rich import box
from rich.table import Table

from capsule_inspect.cli.console import results, say, warn, watch_pictures
from capsule_inspect.cli.tables import print_metrics
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import UsageError
from capsule_inspect.export.choose_point import (
    PooledResults,
    choose_point,
    read_pooled_results,
    require_same_recipe,
    validation_samples,
)
from capsule_inspect.export.convert import Converted, convert_trained
from capsule_inspect.export.write import Exported, write_verified
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import AUTO, ExportSettings, Settings
from capsule_inspect.settings.yaml_text import read_settings
from capsule_inspect.text import command_line
from capsule_inspect.training.calibrate import (
    choose_study_points,
    gather_fold,
    write_study_decision,
)
from capsule_inspect.training.decision import read_decision
from capsule_inspect.training.saved import load_trained
from capsule_inspect.training.study import CrossValidationRun


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
    measured: PooledResults | None = None,
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


def export_network(
    model: Path, out: Path | None, data: DataSet, settings: Settings, force: bool
) -> None:
    """Exports a network, at a point chosen on the validation split or by a cross-validation.

    Args:
        model: A .keras file, or the folder of a run.
        out: The file to write; by default model.tflite beside the network.
        data: The data set to compare on.
        settings: All settings.
        force: Write the file even if it breaks the limits.

    Raises:
        CapsuleInspectError: Network, cross-validation or pictures cannot be used, or the file
            disagrees with the network.
    """
    run = RunFolder(model if model.is_dir() else model.parent)
    file = out or run.exported
    measured = _cross_validated(run, settings)
    converted = convert_network(model, data, file, settings.export)
    if measured:
        point = measured.point
    else:
        held_out = validation_samples(converted, data)
        with watch_pictures(len(held_out), "Choosing") as advance:
            point = choose_point(converted, data, settings.threshold, advance)
    write_export(converted, data, point, settings.export, force, measured)
    following = command_line("predict", "PICTURES", "--model", file, "-o", "out")
    say(f"Next: {following}")


def _cross_validated(run: RunFolder, settings: Settings) -> PooledResults | None:
    """Reads the cross-validation that vouches for the network of a run, if one is named."""
    if not settings.export.cross_validation:
        return None
    if settings.threshold.policy != AUTO:
        raise UsageError(
            "The threshold comes from the cross-validation, whose policy was chosen when its runs "
            "were exported. Leave threshold.policy away."
        )
    measured = read_pooled_results(Path(settings.export.cross_validation))
    trained_on = read_decision(run.decision).training_data_sha256
    require_same_recipe(measured, trained_on, read_settings(run.config))
    return measured


def export_study(study: CrossValidationRun, data: DataSet, settings: Settings, force: bool) -> None:
    """Exports the runs of a study, each at a point chosen on what the others say of their folds.

    Args:
        study: Whose runs are all finished.
        data: The data set to compare on.
        settings: All settings.
        force: Write files even if they break the limits.

    Raises:
        CapsuleInspectError: A network or picture cannot be used, or a file disagrees with its
            network.
    """
    pictures = len(data.samples) // study.settings.train.folds
    converted, evidence = [], []
    for member in study.members:
        say(f"{member.run.path.name}:")
        view = study.view(data, member)
        file = convert_network(member.run.path, view, member.run.exported, settings.export)
        with watch_pictures(pictures, "Looking") as advance:
            evidence.append(gather_fold(study, data, member, file.inspector, advance))
        converted.append(file)
    earlier = read_decision(RunFolder(study.path).decision).operating_point
    points = choose_study_points(study, evidence, settings.threshold.resolve(earlier))
    for member, file, point in zip(study.members, converted, points.members, strict=True):
        say(f"{member.run.path.name}:")
        write_export(file, study.view(data, member), point, settings.export, force)
    write_study_decision(study, data, points.overall)
    following = command_line("evaluate", study.path, f"data.dir={settings.data.dir}")
    say(f"Next: {following}")
