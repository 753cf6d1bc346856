"""Runs that learn from good pictures alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

from capsule_inspect.choices import ANOMALY, GOOD
from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.reporter import SILENT
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import DataSettings, Settings, ThresholdSettings
from capsule_inspect.training.fit_normality import fit_on_good
from capsule_inspect.training.network_files import load_trained


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> DataSet:
    """24 good pictures in `train`; three good and three of a poke in `val`."""
    folder = tmp_path_factory.mktemp("drawn") / "set"
    prepare_dataset("drawn", folder, DataSettings(count=60, size=300, val=0, test=0))
    data = read_dataset(folder)
    good = [each for each in data.samples if each.label == GOOD]
    pokes = [each for each in data.samples if each.label == "poke"][:3]
    held_out = [replace(each, split="val") for each in (*good[-3:], *pokes)]
    return replace(data, samples=(*good[:-3], *held_out))


@pytest.fixture
def settings(small_settings, small_encoder, monkeypatch) -> Settings:
    monkeypatch.setattr("capsule_inspect.model.normality.get_encoder", lambda _: small_encoder())
    model = replace(small_settings.model, head="normality", roi=Roi("capsule", 192, 96, 172))
    return replace(small_settings, model=model)


def new_run(folder) -> RunFolder:
    folder.mkdir()
    return RunFolder(folder)


def test_a_run_learns_what_is_normal_and_measures_the_validation_split(settings, drawn, tmp_path):
    run = new_run(tmp_path / "run")
    metrics = {metric.name: metric for metric in fit_on_good(settings, drawn, run, SILENT)}
    assert metrics["presence_accuracy"].n == 6
    assert json.loads(run.validation.read_text())["metrics"]
    trained = load_trained(run.path)
    assert trained.rule.classes == (GOOD, ANOMALY)
    assert trained.rule.training_data_sha256 == drawn.training_sha256
    point = trained.rule.operating_point
    assert (point.policy, point.policy_value, point.threshold) == (
        "max_false_alarm_rate",
        0.05,
        0.5,
    )
    n = len(drawn.of_split("train"))
    (expected,) = point.expected
    assert (expected.name, expected.n) == ("false_alarm_rate", n)
    assert expected.value * n == int(0.05 * (n + 1))
    assert f"cross-fitting on {n} of them" in point.chosen_by


@pytest.mark.slow
def test_the_same_seed_gives_the_same_network(settings, drawn, tmp_path):
    weights = []
    for name in ("one", "other"):
        run = new_run(tmp_path / name)
        fit_on_good(settings, drawn, run, SILENT)
        weights.append(load_trained(run.path).network.get_weights())
    for mine, theirs in zip(*weights, strict=True):
        assert np.array_equal(mine, theirs)


def test_the_wanted_share_of_false_alarms_decides_the_threshold(settings, drawn, tmp_path):
    half = replace(settings, threshold=ThresholdSettings("max_false_alarm_rate", 0.5))
    run = new_run(tmp_path / "run")
    fit_on_good(half, drawn, run, SILENT)
    (expected,) = load_trained(run.path).rule.operating_point.expected
    assert expected.value == pytest.approx(0.5, abs=0.03)


def test_policies_that_need_defects_are_refused(settings, drawn, tmp_path):
    wanted = replace(settings, threshold=ThresholdSettings("max_miss_rate", 0.02))
    with pytest.raises(UsageError, match="max_miss_rate needs defects"):
        fit_on_good(wanted, drawn, new_run(tmp_path / "run"), SILENT)


def test_too_few_good_pictures_are_refused(settings, drawn, tmp_path):
    few = replace(drawn, samples=drawn.samples[:4])
    with pytest.raises(DataError, match="at least 10 are needed"):
        fit_on_good(settings, few, new_run(tmp_path / "run"), SILENT)
