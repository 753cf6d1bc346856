"""Exporting the runs of a study."""

from capsule_inspect.cli.command_line import command_line
from capsule_inspect.cli.console import say
from capsule_inspect.cli.progress import watch_pictures
from capsule_inspect.cli.write_export import convert_network, write_export
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.settings import Settings
from capsule_inspect.training.calibrate import (
    choose_study_points,
    gather_fold,
    write_study_decision,
)
from capsule_inspect.training.decision import read_decision
from capsule_inspect.training.study import Study


def export_study(study: Study, data: DataSet, settings: Settings, force: bool) -> None:
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
