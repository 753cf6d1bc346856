"""Studies: cross-validations with one run per fold and seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.split import leave_out
from capsule_inspect.errors import UsageError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.yaml_text import read_settings
from capsule_inspect.text import command_line


@dataclass(frozen=True)
class Member:
    """One run of a study.

    Attributes:
        fold: The left-out fold.
        seed: The seed of the run.
        settings: The settings of the run, which is a single run by them.
        run: The run folder.
    """

    fold: int
    seed: int
    settings: Settings
    run: RunFolder

    @property
    def is_finished(self) -> bool:
        """Whether the run is trained; decision.json is written last."""
        return self.run.decision.is_file()


@dataclass(frozen=True)
class CrossValidationRun:
    """A cross-validation study.

    Attributes:
        path: The folder of the study.
        settings: The settings of the study; `train.folds` is above 0.
        members: One run for every fold and seed.
    """

    path: Path
    settings: Settings
    members: tuple[Member, ...]

    @property
    def is_calibrated(self) -> bool:
        """Whether the operating points are chosen."""
        return RunFolder(self.path).decision.is_file()

    def view(self, data: DataSet, member: Member) -> DataSet:
        """Returns the data set for a member: its left-out fold is the test split.

        Each seed gives other folds, unless the manifest fixes them. With early stopping, part of
        the other folds becomes the validation split.

        Raises:
            DataError: The data set has another number of folds.
        """
        val = self.settings.data.val if self.settings.train.patience else 0.0
        reseeded = replace(data, seed=member.seed)
        return leave_out(reseeded, member.fold, self.settings.train.folds, val)

    def unlearned_classes(self, data: DataSet) -> tuple[str, ...]:
        """Returns the classes, sorted, of which some member has no picture to learn from."""
        views = [self.view(data, member).of_split("train") for member in self.members]
        learned = set.intersection(*({sample.label for sample in view} for view in views))
        return tuple(sorted(set(data.classes) - learned))


def open_study(path: Path) -> CrossValidationRun | None:
    """Opens the folder of a study; returns None for any other folder.

    Raises:
        ConfigError: The study's config.yaml is missing or damaged.
    """
    # Checked before config.yaml: that of a single run may be of an older version.
    if not RunFolder(path).members():
        return None
    return make_study(path, read_settings(RunFolder(path).config))


def make_study(path: Path, settings: Settings) -> CrossValidationRun:
    """Returns a study with its runs, seed by seed; creates no folders."""
    train = settings.train
    members = []
    for seed in range(train.seed, train.seed + train.seeds):
        for fold in range(train.folds):
            own = replace(settings, train=replace(train, folds=0, seeds=1, seed=seed))
            members.append(Member(fold, seed, own, RunFolder(path).member(seed, fold)))
    return CrossValidationRun(path, settings, tuple(members))


def require_finished(study: CrossValidationRun) -> None:
    """Checks that all runs of a study are trained and have an operating point.

    Raises:
        UsageError: A run is unfinished (the message names the first), or the operating points are
            not chosen yet.
    """
    missing = [member for member in study.members if not member.is_finished]
    if missing:
        raise UsageError(
            f"{len(missing)} of the {len(study.members)} runs of '{study.path}' are not finished; "
            f"the first is {missing[0].run.path.name}. Resume with: "
            f"{command_line('train', '--resume', study.path)}"
        )
    if not study.is_calibrated:
        raise UsageError(
            f"The operating points of '{study.path}' are not chosen yet. Resume with: "
            f"{command_line('train', '--resume', study.path)}"
        )


def model_files(members: Sequence[Member]) -> list[Path]:
    """Returns the exported models of runs, or their networks if none is exported.

    Raises:
        UsageError: Some runs are exported and some are not.
    """
    exported = [member.run.exported for member in members]
    missing = [path for path in exported if not path.is_file()]
    if 0 < len(missing) < len(exported):
        raise UsageError(
            f"Some runs are exported, but {len(missing)} are not: '{missing[0]}' is missing. "
            "Export the study with `capsule-inspect export-tflite`, or delete the exported files "
            "to measure the networks."
        )
    return [member.run.model for member in members] if missing else exported
