"""Export a network or a study to model files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capsule_inspect.choices import AUTO_POLICY
from capsule_inspect.dataset.data_set import DataSet, as_known_to, read_dataset
from capsule_inspect.errors import UsageError
from capsule_inspect.files import StrPath
from capsule_inspect.modelfile.bundle import require_place
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import ExportSettings, Settings
from capsule_inspect.settings.yaml_text import read_settings
from capsule_inspect.training.decision import read_decision, resolve_model
from capsule_inspect.training.study import CrossValidationRun, open_study, require_finished
from capsule_inspect.workflows.arguments import as_output, compose_for_model, options_of
from capsule_inspect.workflows.extras import import_training_stack

if TYPE_CHECKING:
    from capsule_inspect.exporting.convert import Converted
    from capsule_inspect.exporting.operating_point import PooledResults
    from capsule_inspect.exporting.write import Exported


@dataclass(frozen=True)
class ExportResult:
    """The model files of a network or a study.

    Attributes:
        files: One for a network, one for each run of a study.
        data: The data set folder they were compared on.
        study: The folder of the study; None for a network.
    """

    files: "tuple[Exported, ...]"
    data: Path
    study: Path | None = None


def export(  # noqa: PLR0913  (each choice is a parameter)
    model: StrPath,
    data: StrPath | None = None,
    *,
    out: StrPath | None = None,
    force: bool = False,
    data_root: StrPath | None = None,
    cross_validation: StrPath | None = None,
    overrides: Sequence[str] = (),
    config_dir: StrPath | None = None,
    on_file: "Callable[[Exported], None]" = lambda _: None,
    reporter: Reporter = SILENT,
) -> ExportResult:
    """Converts a network or a study to TensorFlow Lite, and checks each file against its network.

    Args:
        model: A `.keras` file, or the folder of a run or study.
        data: The data set folder; by default that of the run, if the model is of one, else the
            setting data.dir.
        out: The file to write; by default model.tflite beside the network. Not for a study.
        force: Write a file even if it disagrees too much with its network.
        data_root: The folder of the pictures, if they have moved.
        cross_validation: The folder that `evaluate` wrote of a study, for a network trained on all
            its pictures: the file gets its operating point and metrics.
        overrides: Settings to change, such as `export=float16`.
        config_dir: A folder of your own config groups.
        on_file: Called with each file as soon as it is written.
        reporter: Follows the progress.

    Raises:
        CapsuleInspectError: A package is missing; settings, network or data set cannot be used;
            or a file disagrees with its network.
    """
    options = options_of(
        "export", data=data, data_root=data_root, cross_validation=cross_validation
    )
    settings = compose_for_model(Path(model), overrides, config_dir, options, reporter)
    path, file = Path(model), as_output(out)
    read = read_dataset(Path(settings.data.dir), settings.data.root)
    study = open_study(path)
    if study is None:
        network = resolve_model(path)
        require_place(file or RunFolder(network.parent).exported)
    elif file is not None:
        raise UsageError("The runs of a study each keep their file beside them. Leave --out away.")
    else:
        require_finished(study)
        for member in study.members:
            require_place(member.run.exported)
    # Last, so that a typo is reported before TensorFlow loads.
    import_training_stack("export-tflite", "tensorflow", reporter)
    if study is not None:
        files = export_study(study, read, settings, force, on_file, reporter)
        return ExportResult(files, Path(settings.data.dir), study.path)
    exported = export_network(path, file, read, settings, force, reporter)
    on_file(exported)
    return ExportResult((exported,), Path(settings.data.dir))


def export_network(
    model: Path,
    out: Path | None,
    data: DataSet,
    settings: Settings,
    force: bool,
    reporter: Reporter = SILENT,
) -> "Exported":
    """Exports a network; its operating point comes from the validation split or a cross-validation.

    Args:
        model: A .keras file, or the folder of a run.
        out: The file to write; by default model.tflite beside the network.
        data: The data set to compare on.
        settings: All settings.
        force: Write the file even if it breaks the limits.
        reporter: Follows the progress.

    Raises:
        CapsuleInspectError: Network, cross-validation or pictures cannot be used, or the file
            disagrees with the network.
    """
    from capsule_inspect.exporting.operating_point import choose_point, validation_samples

    run = RunFolder(model if model.is_dir() else model.parent)
    measured = _cross_validated(run, settings)
    converted = _convert(model, data, out or run.exported, settings.export, reporter)
    data = as_known_to(data, converted.model.rule.classes)
    if measured:
        point = measured.point
    else:
        held_out = validation_samples(converted, data)
        with reporter.progress(len(held_out), "Choosing") as advance:
            point = choose_point(converted, data, settings.threshold, advance)
    return write_export(converted, data, point, settings.export, force, reporter, measured)


def _cross_validated(run: RunFolder, settings: Settings) -> "PooledResults | None":
    """Reads the cross-validation that was given, if any."""
    from capsule_inspect.exporting.operating_point import read_pooled_results, require_same_recipe

    if not settings.export.cross_validation:
        return None
    if settings.threshold.policy != AUTO_POLICY:
        raise UsageError(
            "The threshold comes from the cross-validation, whose policy was chosen when its runs "
            "were exported. Leave threshold.policy away."
        )
    measured = read_pooled_results(Path(settings.export.cross_validation))
    trained_on = read_decision(run.decision).training_data_sha256
    require_same_recipe(measured, trained_on, read_settings(run.config))
    return measured


def export_study(
    study: CrossValidationRun,
    data: DataSet,
    settings: Settings,
    force: bool,
    on_file: "Callable[[Exported], None]" = lambda _: None,
    reporter: Reporter = SILENT,
) -> "tuple[Exported, ...]":
    """Exports the runs of a study, each at an operating point chosen on the other folds.

    Args:
        study: Whose runs are all finished.
        data: The data set to compare on.
        settings: All settings.
        force: Write files even if they break the limits.
        on_file: Called with each file as soon as it is written.
        reporter: Follows the progress.

    Raises:
        CapsuleInspectError: A network or picture cannot be used, or a file disagrees with its
            network.
    """
    from capsule_inspect.training.calibrate import (
        choose_study_points,
        gather_fold,
        write_study_decision,
    )

    pictures = len(data.samples) // study.settings.train.folds
    converted, evidence, files = [], [], []
    for member in study.members:
        reporter.say(f"{member.run.path.name}:")
        view, out = study.view(data, member), member.run.exported
        file = _convert(member.run.path, view, out, settings.export, reporter)
        with reporter.progress(pictures, "Looking") as advance:
            evidence.append(gather_fold(study, data, member, file.inspector, advance))
        converted.append(file)
    earlier = read_decision(RunFolder(study.path).decision).operating_point
    points = choose_study_points(study, evidence, settings.threshold.resolve(earlier))
    for member, file, point in zip(study.members, converted, points.members, strict=True):
        reporter.say(f"{member.run.path.name}:")
        view = study.view(data, member)
        files.append(write_export(file, view, point, settings.export, force, reporter))
        on_file(files[-1])
    write_study_decision(study, data, points.overall)
    return tuple(files)


def _convert(
    model: Path, data: DataSet, file: Path, settings: ExportSettings, reporter: Reporter
) -> "Converted":
    from capsule_inspect.exporting.convert import convert_trained
    from capsule_inspect.training.network_files import load_trained

    reporter.say(f"Converting to {settings.format}.")
    trained = load_trained(model)
    return convert_trained(trained, as_known_to(data, trained.rule.classes), file, settings)


def write_export(
    converted: "Converted",
    data: DataSet,
    point: OperatingPoint,
    settings: ExportSettings,
    force: bool,
    reporter: Reporter = SILENT,
    measured: "PooledResults | None" = None,
) -> "Exported":
    """Compares one file with its network, and writes it.

    Args:
        converted: The model file in memory.
        data: Pictures to compare on: all.
        point: The operating point of the file.
        settings: How far it may disagree with its network.
        force: Write it even if it disagrees further.
        reporter: Follows the progress.
        measured: Whose metrics go into the file; None to measure it on a split of `data`.

    Raises:
        ModelFileError: It disagrees too much, or cannot be written.
    """
    from capsule_inspect.exporting.write import write_verified

    total = len(data.samples) + len(data.of_split("train"))
    with reporter.progress(total, "Comparing") as advance:
        return write_verified(
            converted,
            data,
            point,
            settings,
            cross_validated=measured,
            force=force,
            advance=advance,
        )
