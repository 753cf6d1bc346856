from dataclasses import replace

import pytest

from capsule_inspect.dataset.manifest import read_dataset
from capsule_inspect.errors import DataError
from capsule_inspect.training.train_trial import trial_trainer


def test_trials_need_a_validation_split_and_no_masks(dataset_folder):
    data = read_dataset(dataset_folder)
    without_masks = replace(data, samples=tuple(replace(s, mask="") for s in data.samples))
    trial_trainer(without_masks, print)
    training = tuple(sample for sample in data.samples if sample.split != "val")
    with pytest.raises(DataError, match=r"data\.val above 0"):
        trial_trainer(replace(data, samples=training), print)
