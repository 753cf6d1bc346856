from dataclasses import replace

import pytest
from recorder import Recorder

from capsule_inspect.errors import UsageError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.search.tune import tune
from capsule_inspect.settings.groups import Settings, TuneSettings
from capsule_inspect.settings.search_space import Dimension, SpaceSettings
from capsule_inspect.settings.yaml_text import to_yaml

SIZES = Dimension("train.batch_size", choices=[2, 4])
MORE_SIZES = Dimension("train.batch_size", choices=[2, 4, 8])


def settings_of(*dimensions: Dimension, **changes: object) -> Settings:
    chosen = TuneSettings(trials=4, epochs=1, startup_trials=99)
    return Settings(tune=replace(chosen, **changes), space=SpaceSettings(list(dimensions)))


def search(folder, settings: Settings) -> tuple[list[int], list[str]]:
    """Runs the trials of a search; returns the batch sizes that it tried, and what it said."""
    tried, recorder = [], Recorder()

    def run_trial(chosen, _folder, reporter):
        tried.append(chosen.train.batch_size)
        reporter.report(1, 1 / chosen.train.batch_size)
        return reporter.last

    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(to_yaml(settings))
    tune(settings, RunFolder(folder), recorder, run_trial)
    return tried, recorder.said


def test_a_search_does_not_go_on_with_another_space(tmp_path):
    search(tmp_path / "old", settings_of(SIZES))
    with pytest.raises(UsageError, match=r"train\.batch_size has other .*tune\.start=") as caught:
        search(tmp_path / "old", settings_of(MORE_SIZES, trials=9))
    assert str(tmp_path / "old") in str(caught.value)
    assert search(tmp_path / "old", settings_of(SIZES, trials=5))[0] != []


def test_a_new_search_takes_over_the_trials_that_fit(tmp_path):
    old, _ = search(tmp_path / "old", settings_of(SIZES))
    start = str(tmp_path / "old")
    tried, said = search(tmp_path / "new", settings_of(MORE_SIZES, trials=6, start=start))
    assert len(old) == 4
    assert len(tried) == 2
    assert f"Took over 4 of the 4 finished trials of '{start}'." in said
    only = Dimension("train.batch_size", choices=[4, 8])
    tried, said = search(tmp_path / "fewer", settings_of(only, trials=6, start=start))
    assert len(tried) == 6 - old.count(4)
    other = Dimension("train.steps", 1, 9)
    _, said = search(tmp_path / "other", settings_of(other, trials=1, start=start))
    assert f"Took over 0 of the 4 finished trials of '{start}'." in said


def test_trials_are_taken_over_once(tmp_path):
    search(tmp_path / "old", settings_of(SIZES))
    asked = settings_of(MORE_SIZES, trials=5, start=str(tmp_path / "old"))
    search(tmp_path / "new", asked)
    _, said = search(tmp_path / "new", replace(asked, tune=replace(asked.tune, trials=6)))
    assert not any("Took over" in sentence for sentence in said)


def test_a_folder_without_a_search_is_refused(tmp_path):
    with pytest.raises(UsageError, match="There is no search in"):
        search(tmp_path / "new", settings_of(SIZES, start=str(tmp_path / "nowhere")))
