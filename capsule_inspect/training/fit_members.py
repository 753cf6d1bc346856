"""Training of a study's runs, by one or several processes."""

import keras

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import InterruptedRunError
from capsule_inspect.files import write_text
from capsule_inspect.folder_lock import FolderLock, HeldError
from capsule_inspect.reporter import Prefixed, Reporter
from capsule_inspect.settings.yaml_text import to_yaml
from capsule_inspect.text import command_line
from capsule_inspect.training.fit import fit_and_show
from capsule_inspect.training.study import CrossValidationRun, Member


def fit_members(study: CrossValidationRun, data: DataSet, reporter: Reporter) -> tuple[Member, ...]:
    """Trains all unfinished runs of a study, except those that another process trains.

    Args:
        study: The study; started runs are resumed.
        data: The data set.
        reporter: Follows the progress; the name of a run comes before its sentences.

    Returns:
        The runs that other processes are still training.

    Raises:
        InterruptedRunError: The user stopped the study; the message says how to resume it.
    """
    elsewhere = []
    for member in study.members:
        if member.is_finished:
            continue
        member.run.path.mkdir(parents=True, exist_ok=True)
        try:
            with FolderLock(member.run.path, warn=reporter.warn):
                _fit_member(study, member, data, Prefixed(reporter, member.run.path.name))
        except HeldError:
            elsewhere.append(member)
        except InterruptedRunError:
            raise InterruptedRunError(
                "Stopped; the finished epochs of all runs are saved. Resume with: "
                f"{command_line('train', '--resume', study.path)}"
            ) from None
    return tuple(member for member in elsewhere if not member.is_finished)


def _fit_member(
    study: CrossValidationRun, member: Member, data: DataSet, reporter: Reporter
) -> None:
    if member.is_finished:  # by another process, before this one held the lock
        return
    keras.backend.clear_session()
    write_text(member.run.config, to_yaml(member.settings))
    fit_and_show(member.settings, study.view(data, member), member.run, reporter)
