"""A trial in earnest: training a network."""

import keras

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import DataError
from capsule_inspect.replacing import replace_text
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.as_yaml import to_yaml
from capsule_inspect.settings.settings import Settings
from capsule_inspect.training.callbacks.report_epochs import ReportEpochs
from capsule_inspect.training.fit import fit
from capsule_inspect.training.note import Note
from capsule_inspect.training.trial_reporter import TrialReporter
from capsule_inspect.training.tune import RunTrial
from capsule_inspect.training.watcher import Watcher


def trial_trainer(data: DataSet, note: Note) -> RunTrial:
    """Returns what trains a network for each trial, and scores it on the validation split.

    Args:
        data: The data set of all trials.
        note: Told in sentences what goes on.

    Raises:
        DataError: The data set has no validation split.
    """
    if not data.of_split("val"):
        raise DataError(
            "`tune` scores trials on the validation split, and this data set has none. "
            "Prepare it with data.val above 0."
        )

    def train(settings: Settings, folder: RunFolder, reporter: TrialReporter) -> float:
        keras.backend.clear_session()
        replace_text(folder.config, to_yaml(settings))
        try:
            fit(settings, data, folder, Watcher(note, (ReportEpochs(reporter),)))
        finally:
            # A trial is run whole or not at all, and the optimizer's state is the larger part.
            folder.checkpoint.unlink(missing_ok=True)
        return reporter.last

    return train
