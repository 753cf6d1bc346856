from dataclasses import replace

import pytest

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import UsageError
from capsule_inspect.settings.groups import Settings, TrainSettings
from capsule_inspect.settings.yaml_text import to_yaml
from capsule_inspect.training.study import make_study, model_files, open_study, require_finished

SETTINGS = Settings(train=TrainSettings(folds=3, seeds=2, seed=5))


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, SETTINGS)


def test_there_is_a_run_for_every_fold_and_seed(study):
    names = [member.run.path.name for member in study.members]
    assert names == [f"seed-{seed}-fold-{fold}" for seed in (5, 6) for fold in (0, 1, 2)]
    for member in study.members:
        train = member.settings.train
        assert (train.folds, train.seeds, train.seed) == (0, 1, member.seed)
        assert replace(member.settings, train=SETTINGS.train) == SETTINGS


def test_a_folder_is_a_study_if_it_holds_runs_of_folds(tmp_path, study):
    config = tmp_path / "config.yaml"
    assert open_study(tmp_path) is None
    config.write_text("made by an older version")
    assert open_study(tmp_path) is None
    config.write_text(to_yaml(SETTINGS))
    study.members[3].run.path.mkdir()
    assert open_study(tmp_path) == study


def test_unfinished_runs_are_counted_and_the_way_on_is_named(study):
    for member in study.members[:4]:
        member.run.path.mkdir(parents=True)
        member.run.decision.write_text("{}")
    with pytest.raises(UsageError, match=r"2 of the 6 .*seed-6-fold-1.*train --resume "):
        require_finished(study)
    for member in study.members[4:]:
        member.run.path.mkdir(parents=True)
        member.run.decision.write_text("{}")
    with pytest.raises(UsageError, match=r"points .*not chosen yet.*train --resume "):
        require_finished(study)
    (study.path / "decision.json").write_text("{}")
    require_finished(study)


def test_each_seed_deals_the_folds_anew_and_trains_on_all_other_folds(study):
    samples = tuple(
        Sample(f"{i:02}", "good" if i % 2 else "crack", "", "val", None, f"{i:02}", 8, 8)
        for i in range(36)
    )
    data = DataSet(study.path, ("good", "crack"), samples, 0, "", "", "")
    held_out = {}
    for member in study.members:
        view = study.view(data, member)
        assert {s.split for s in view.samples} == {"train", "test"}
        assert {s.fold for s in view.samples if s.split == "test"} == {member.fold}
        paths = frozenset(s.path for s in view.samples if s.split == "test")
        held_out[member.seed, member.fold] = paths
    for seed in (5, 6):
        assert sum(len(held_out[seed, fold]) for fold in range(3)) == 36
        assert len(frozenset.union(*(held_out[seed, fold] for fold in range(3)))) == 36
    assert len(set(held_out.values())) == 6  # no fold of one seed is a fold of the other

    early = replace(SETTINGS, train=replace(SETTINGS.train, patience=2))
    stopping = make_study(study.path, early)
    view = stopping.view(data, stopping.members[0])
    assert {s.split for s in view.samples} == {"train", "val", "test"}


def test_a_class_that_a_member_cannot_learn_is_named(study):
    labels = ["good"] * 12 + ["crack"] * 6 + ["poke"]
    samples = tuple(
        Sample(f"{i:02}", label, "", "val", None, f"{i:02}", 8, 8) for i, label in enumerate(labels)
    )
    data = DataSet(study.path, ("good", "crack", "poke"), samples, 0, "", "", "")
    assert study.unlearned_classes(data) == ("poke",)
    assert (
        study.unlearned_classes(replace(data, samples=samples[:-1], classes=("good", "crack")))
        == ()
    )


def test_exported_files_are_taken_if_all_runs_have_one(study):
    assert model_files(study.members) == [each.run.model for each in study.members]
    for number, member in enumerate(study.members):
        if number:
            with pytest.raises(UsageError, match=f"{6 - number} are not.*export-tflite"):
                model_files(study.members)
        member.run.path.mkdir(parents=True)
        member.run.exported.write_bytes(b"")
    assert model_files(study.members) == [each.run.exported for each in study.members]
