"""Exporting one trained network."""

from pathlib import Path

from capsule_inspect.cli.command_line import command_line
from capsule_inspect.cli.console import say
from capsule_inspect.cli.progress import watch_pictures
from capsule_inspect.cli.write_export import convert_network, write_export
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import UsageError
from capsule_inspect.export.choose_point import choose_point, validation_samples
from capsule_inspect.export.cross_validated import (
    CrossValidated,
    read_cross_validated,
    require_same_recipe,
)
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.as_yaml import read_settings
from capsule_inspect.settings.settings import Settings
from capsule_inspect.settings.threshold_settings import AUTO
from capsule_inspect.training.decision import read_decision


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


def _cross_validated(run: RunFolder, settings: Settings) -> CrossValidated | None:
    """Reads the cross-validation that vouches for the network of a run, if one is named."""
    if not settings.export.cross_validation:
        return None
    if settings.threshold.policy != AUTO:
        raise UsageError(
            "The threshold comes from the cross-validation, whose policy was chosen when its runs "
            "were exported. Leave threshold.policy away."
        )
    measured = read_cross_validated(Path(settings.export.cross_validation))
    trained_on = read_decision(run.decision).training_data_sha256
    require_same_recipe(measured, trained_on, read_settings(run.config))
    return measured
