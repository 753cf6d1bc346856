"""`capsule-inspect export-tflite`: a trained network → one verified model file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.cli.extras import load_training_stack
from capsule_inspect.cli.options import ConfigDir, DataRoot, Overrides, PrintConfig, settings_from

if TYPE_CHECKING:
    from capsule_inspect.dataset.manifest import DataSet
    from capsule_inspect.export.converted import Converted
    from capsule_inspect.export.cross_validated import CrossValidated
    from capsule_inspect.export.export import Exported
    from capsule_inspect.modelfile.operating_point import OperatingPoint
    from capsule_inspect.settings import ExportSettings, Settings
    from capsule_inspect.training.study import Study


def export_tflite(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A .keras file, or the folder of a run or study."),
    ],
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
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

    The file is read back through the runtime of `predict`, which chooses its threshold anew
    (threshold.policy), and is compared with the network on all pictures of data.dir; it is refused
    below export.min_agreement or above export.max_dice_drop. The runs of a study each get a file of
    their own.

    Examples:
        capsule-inspect export-tflite runs/first data.dir=data/capsule -o model.tflite
        capsule-inspect export-tflite runs/first threshold.policy=max_miss_rate threshold.value=.02
    """
    settings = settings_from(overrides, config_dir, print_config, data_root, heavy=True)
    from capsule_inspect.cli.console import say
    from capsule_inspect.dataset.manifest import read_dataset
    from capsule_inspect.errors import UsageError
    from capsule_inspect.training.find_model import find_model
    from capsule_inspect.training.run_folder import RunFolder
    from capsule_inspect.training.study import open_study, require_finished

    data = read_dataset(Path(settings.data.dir), settings.data.root)
    study = open_study(model)
    if study is None:
        find_model(model)
        file = out or RunFolder(model if model.is_dir() else model.parent).exported
        load_training_stack("export-tflite", "tensorflow")
        _export_one(model, file, data, settings, force)
        say(f"Next: capsule-inspect predict PICTURES --model {file} -o out")
        return
    if out is not None:
        raise UsageError("The runs of a study each keep their file beside them. Leave --out away.")
    require_finished(study)
    load_training_stack("export-tflite", "tensorflow")
    _export_study(study, data, settings, force)
    say(f"Next: capsule-inspect evaluate {study.path} data.dir={settings.data.dir}")


def _export_one(
    model: Path, file: Path, data: "DataSet", settings: "Settings", force: bool
) -> None:
    """Exports one network, at a point chosen on the validation split or by a cross-validation."""
    from capsule_inspect.cli.progress import watch_pictures
    from capsule_inspect.export import export

    measured = _cross_validated(model, settings)
    converted = _convert(model, data, file, settings.export)
    if measured:
        point = measured.point
    else:
        held_out = export.validation_samples(converted, data)
        with watch_pictures(len(held_out), "Choosing") as advance:
            point = export.choose_point(converted, data, settings.threshold, advance)
    _write(converted, data, point, settings.export, force, measured)


def _export_study(study: "Study", data: "DataSet", settings: "Settings", force: bool) -> None:
    """Exports the runs of a study, each at a point chosen on what the others say of their folds."""
    from capsule_inspect.cli.console import say
    from capsule_inspect.cli.progress import watch_pictures
    from capsule_inspect.training import calibrate
    from capsule_inspect.training.decision import read_decision
    from capsule_inspect.training.run_folder import RunFolder

    converted, evidence = [], []
    for member in study.members:
        say(f"{member.run.path.name}:")
        view = study.view(data, member)
        converted.append(_convert(member.run.path, view, member.run.exported, settings.export))
        with watch_pictures(len(data.samples) // study.settings.train.folds, "Looking") as advance:
            inspector = converted[-1].inspector
            evidence.append(calibrate.gather_fold(study, data, member, inspector, advance))
    earlier = read_decision(RunFolder(study.path).decision).operating_point
    points = calibrate.choose_study_points(study, evidence, settings.threshold.resolve(earlier))
    for member, file, point in zip(study.members, converted, points.members, strict=True):
        say(f"{member.run.path.name}:")
        _write(file, study.view(data, member), point, settings.export, force)
    calibrate.write_study_decision(study, data, points.overall)


def _convert(model: Path, data: "DataSet", file: Path, settings: "ExportSettings") -> "Converted":
    from capsule_inspect.cli.console import say
    from capsule_inspect.export.converted import convert_trained
    from capsule_inspect.training.load import load_trained

    say(f"Converting to {settings.format}.")
    return convert_trained(load_trained(model), data, file, settings)


def _cross_validated(model: Path, settings: "Settings") -> "CrossValidated | None":
    """Reads the cross-validation that vouches for a network, if one is named."""
    from capsule_inspect.compose import read_yaml
    from capsule_inspect.errors import UsageError
    from capsule_inspect.export.cross_validated import read_cross_validated, require_same_recipe
    from capsule_inspect.threshold_settings import AUTO
    from capsule_inspect.training.decision import read_decision
    from capsule_inspect.training.run_folder import RunFolder

    if not settings.export.cross_validation:
        return None
    if settings.threshold.policy != AUTO:
        raise UsageError(
            "The threshold comes from the cross-validation, whose policy was chosen when its runs "
            "were exported. Leave threshold.policy away."
        )
    measured = read_cross_validated(Path(settings.export.cross_validation))
    run = RunFolder(model if model.is_dir() else model.parent)
    trained_on = read_decision(run.decision).training_data_sha256
    require_same_recipe(measured, trained_on, read_yaml(run.config))
    return measured


def _write(
    converted: "Converted",
    data: "DataSet",
    point: "OperatingPoint",
    settings: "ExportSettings",
    force: bool,
    measured: "CrossValidated | None" = None,
) -> None:
    """Compares and writes one file, and prints how it compares."""
    from capsule_inspect.cli.console import say, warn
    from capsule_inspect.cli.progress import watch_pictures
    from capsule_inspect.cli.tables import print_metrics
    from capsule_inspect.export.export import export_tflite as write
    from capsule_inspect.export.export import training_samples

    with watch_pictures(len(data.samples) + len(training_samples(data)), "Comparing") as advance:
        exported = write(
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
