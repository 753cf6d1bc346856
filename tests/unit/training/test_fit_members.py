from dataclasses import replace

import pytest
from filelock import FileLock

from capsule_inspect.errors import InterruptedRunError
from capsule_inspect.reporter import SILENT
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.calibrate import calibrate
from capsule_inspect.training.decision import read_decision
from capsule_inspect.training.fit_members import fit_members
from capsule_inspect.training.study import make_study


@pytest.fixture
def small_study(small_settings, tmp_path):
    train = replace(small_settings.train, folds=2, epochs=1, steps=1)
    return make_study(tmp_path, replace(small_settings, train=train))


@pytest.mark.slow
def test_every_run_is_trained_without_its_fold_and_then_calibrated(small_study, few_pictures):
    assert fit_members(small_study, few_pictures, SILENT) == ()
    before = [read_decision(member.run.decision) for member in small_study.members]
    for member, rule in zip(small_study.members, before, strict=True):
        assert rule.training_data_sha256 == small_study.view(few_pictures, member).training_sha256
    assert before[0].training_data_sha256 != before[1].training_data_sha256
    assert not small_study.is_calibrated

    seen = []
    small_study.members[0].run.validation.write_text(
        "measured at the point that calibrating replaces"
    )
    calibrate(small_study, few_pictures, lambda: seen.append(1))
    assert len(seen) == len(few_pictures.samples)
    assert not small_study.members[0].run.validation.exists()
    after = [read_decision(member.run.decision) for member in small_study.members]
    assert all("the other folds" in rule.operating_point.chosen_by for rule in after)
    overall = read_decision(RunFolder(small_study.path).decision)
    assert "4 good and 8 defective" in overall.operating_point.chosen_by
    assert overall.classes == few_pictures.classes


def test_finished_runs_and_those_of_other_processes_are_left_alone(small_study, few_pictures):
    first, second = small_study.members
    for member in (first, second):
        member.run.path.mkdir()
    first.run.decision.write_text("finished")
    with FileLock(second.run.path / ".lock"):
        assert fit_members(small_study, few_pictures, SILENT) == (second,)
    assert first.run.decision.read_text() == "finished"
    assert not second.run.config.exists()


def test_a_stopped_study_says_how_to_resume_it(small_study, few_pictures, monkeypatch):
    def stop(*_):
        raise InterruptedRunError("the run's own advice")

    monkeypatch.setattr("capsule_inspect.training.fit_members.fit_and_show", stop)
    with pytest.raises(InterruptedRunError, match=f"train --resume {small_study.path}$"):
        fit_members(small_study, few_pictures, SILENT)
