from dataclasses import replace

import optuna
import pytest

from capsule_inspect.dataset.read_dataset import read_dataset
from capsule_inspect.errors import DataError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.as_yaml import read_settings
from capsule_inspect.training.trial_reporter import TrialReporter
from capsule_inspect.training.trial_trainer import trial_trainer


def test_trials_need_a_validation_split(dataset_folder):
    data = read_dataset(dataset_folder)
    training = tuple(sample for sample in data.samples if sample.split != "val")
    with pytest.raises(DataError, match=r"data\.val above 0"):
        trial_trainer(replace(data, samples=training), print)


def test_a_trial_trains_a_network_and_is_scored_after_each_epoch(
    small_settings, few_pictures, tmp_path
):
    study, notes = optuna.create_study(direction="maximize"), []
    run, reporter = RunFolder(tmp_path), TrialReporter(study.ask(), 2, notes.append)
    value = trial_trainer(few_pictures, notes.append)(small_settings, run, reporter)
    assert 0 <= value <= 1
    assert value == reporter.last
    scored = [note for note in notes if note.startswith("Trial 0, epoch")]
    assert [note.split(":")[0] for note in scored] == [
        "Trial 0, epoch 1 of 2",
        "Trial 0, epoch 2 of 2",
    ]
    assert scored[-1].endswith(f"score {value:.4f}")
    assert run.model.is_file()
    assert not run.checkpoint.exists()
    assert read_settings(run.config).model.encoder == "small"
