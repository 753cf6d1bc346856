"""Cross-validation: one run for every fold and seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.split import leave_out
from capsule_inspect.errors import UsageError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.yaml_text import read_settings


@dataclass(frozen=True)
class Member:
    """One run of a study.

    Attributes:
        fold: The fold that is left out.
        seed: The run's seed.
        settings: All settings of the run, those of a single one.
        run: Its folder.
    """

    fold: int
    seed: int
    settings: Settings
    run: RunFolder

    @property
    def is_finished(self) -> bool:
        """Whether it is trained; decision.json is written last."""
        return self.run.decision.is_file()


@dataclass(frozen=True)
class CrossValidationRun:
    """All runs of a cross-validation.

    Attributes:
        path: The folder of the study.
        settings: Its settings; `train.folds` is above 0.
        members: One for every fold and seed.
    """

    path: Path
    settings: Settings
    members: tuple[Member, ...]

    @property
    def is_calibrated(self) -> bool:
        """Whether the operating points of its runs are chosen."""
        return RunFolder(self.path).decision.is_file()

    def view(self, data: DataSet, member: Member) -> DataSet:
        """Returns the data set as a member sees it: its fold is the test split.

        Each seed deals the folds anew, unless the manifest has dealt them. Only where training may
        stop early is a part of the other folds kept for validation.

        Raises:
            DataError: The data set has another number of folds.
        """
        val = self.settings.data.val if self.settings.train.patience else 0.0
        dealt = replace(data, seed=member.seed)
        return leave_out(dealt, member.fold, self.settings.train.folds, val)


def open_study(path: Path) -> CrossValidationRun | None:
    """Opens a folder as a study; None if it is the folder of a single run, or none at all.

    Raises:
        ConfigError: Its config.yaml is missing or damaged.
    """
    # A single run is told by its folder alone: its config.yaml may be of an older version.
    if not RunFolder(path).members():
        return None
    return make_study(path, read_settings(RunFolder(path).config))


def make_study(path: Path, settings: Settings) -> CrossValidationRun:
    """Lists the runs of a study, seed by seed."""
    train = settings.train
    members = []
    for seed in range(train.seed, train.seed + train.seeds):
        for fold in range(train.folds):
            own = replace(settings, train=replace(train, folds=0, seeds=1, seed=seed))
            members.append(Member(fold, seed, own, RunFolder(path).member(seed, fold)))
    return CrossValidationRun(path, settings, tuple(members))


def require_finished(study: CrossValidationRun) -> None:
    """Checks that every run of a study is trained, and has its operating point.

    Raises:
        UsageError: Some are not; the message names the first.
    """
    missing = [member for member in study.members if not member.is_finished]
    if missing:
        raise UsageError(
            f"{len(missing)} of the {len(study.members)} runs of '{study.path}' are not finished, "
            f"the first is {missing[0].run.path.name}. Go on with: "
            f"capsule-inspect train train.resume={study.path}"
        )
    if not study.is_calibrated:
        raise UsageError(
            f"The operating points of '{study.path}' are not chosen yet. Go on with: "
            f"capsule-inspect train train.resume={study.path}"
        )


def model_files(members: Sequence[Member]) -> list[Path]:
    """Returns the model files of runs: the exported ones, or the networks if none is exported.

    Raises:
        UsageError: Some are exported and some are not.
    """
    exported = [member.run.exported for member in members]
    missing = [path for path in exported if not path.is_file()]
    if 0 < len(missing) < len(exported):
        raise UsageError(
            f"Some runs are exported and {len(missing)} are not, such as '{missing[0]}'. Export "
            "the study with `capsule-inspect export-tflite`, or delete the files to measure the "
            "networks."
        )
    return [member.run.model for member in members] if missing else exported
