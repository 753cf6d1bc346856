from dataclasses import replace
from pathlib import Path

import pytest

from capsule_inspect.dataset.data_set import DataSet, write_dataset
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import ConfigError, DataError, UsageError
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.yaml_text import read_settings
from capsule_inspect.workflows.train import start_run


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """Two data set folders of one picture each, whose pictures may also lie in `elsewhere`."""
    monkeypatch.chdir(tmp_path)
    Path("elsewhere").mkdir()
    sample = Sample("0.png", "good", "", "train", None, "ab" * 32, 1, 1)
    for name in ("old", "new"):
        folder = tmp_path / name
        write_dataset(folder, DataSet(folder, ("good",), (sample,), 0, name, "none", "1"))


@pytest.fixture
def begun(tmp_path):
    """A run folder that was begun with settings of its own."""
    folder = tmp_path / "run"
    overrides = ["train.epochs=3", "data.dir=old", "tune.trials=5"]
    settings, _, run = start_run("train", compose(overrides), folder, overrides)
    assert run.path == folder
    assert read_settings(run.config) == settings
    return folder


def resume(command, folder, *overrides, out=None, changeable=()):
    given = [f"{command}.resume={folder}", *overrides]
    return start_run(command, compose(given), out, given, changeable)


def test_a_run_goes_on_with_its_own_settings(begun):
    settings, data, run = resume("train", begun)
    assert data.source == "old"
    assert run.path == begun
    own = replace(settings, train=replace(settings.train, resume=""))
    assert own == read_settings(begun / "config.yaml")


def test_a_new_run_is_named_by_its_data_and_says_what_made_it():
    overrides = ["data.dir=old", "tune.storage='postgresql://me:geheim@host/db'"]
    _, _, run = start_run("tune", compose(overrides), None, overrides)
    assert run.path.parent == Path("runs/tune")
    assert run.path.name.endswith("-old")
    text = (run.path / "environment.json").read_text()
    assert "data.dir=old" in text
    assert "geheim" not in text


def test_a_run_that_goes_on_keeps_what_it_began_with(begun):
    before = (begun / "environment.json").read_text()
    resume("train", begun, "data.dir=new")
    assert (begun / "environment.json").read_text() == before


def test_a_data_set_that_is_not_there_leaves_no_folder_behind():
    with pytest.raises(DataError, match="nowhere"):
        start_run("train", compose(["data.dir=nowhere"]), None, ["data.dir=nowhere"])
    assert not Path("runs").exists()


@pytest.mark.parametrize("command", ["train", "tune"])
@pytest.mark.parametrize(
    "override",
    [
        "model.encoder=efficientnet_lite9",
        "space.dimensions=[{key:model.encoder,choices:[convnext_tiny,efficientnet_lite9]}]",
    ],
)
def test_an_encoder_that_is_not_there_leaves_no_folder_behind(command, override):
    overrides = ["data.dir=old", override]
    with pytest.raises(ConfigError, match=r"'efficientnet_lite9'\. Did you mean"):
        start_run(command, compose(overrides), Path("out"), overrides)
    assert not Path("out").exists()


def test_pictures_may_have_moved(begun):
    settings, data, _ = resume("train", begun, "data.dir=new", "data.root=elsewhere")
    assert (settings.data.dir, settings.data.root) == ("new", "elsewhere")
    assert (data.source, data.root.name) == ("new", "elsewhere")
    assert settings.train.epochs == 3


def test_where_pictures_are_may_come_from_an_option(begun):
    given = [f"train.resume={begun}"]
    asked = compose(given)
    moved = replace(asked, data=replace(asked.data, root="elsewhere"))
    settings, _, _ = start_run("train", moved, None, given)
    assert (settings.data.dir, settings.data.root) == ("old", "elsewhere")


def test_other_settings_are_refused_by_name_and_so_is_another_folder(begun, tmp_path):
    with pytest.raises(UsageError, match=r"leave out train\.epochs\."):
        resume("train", begun, "train.epochs=60", "data.dir=new")
    with pytest.raises(UsageError, match="leave out --out"):
        resume("train", begun, out=tmp_path / "other")


def test_a_search_may_ask_for_more_trials(begun):
    settings, _, _ = resume("tune", begun, "tune.trials=9", changeable=("tune.trials",))
    assert settings.tune.trials == 9
    assert settings.tune.resume == str(begun)
    assert resume("tune", begun, changeable=("tune.trials",))[0].tune.trials == 5


def test_a_folder_that_holds_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"config\.yaml"):
        resume("train", tmp_path)
    (tmp_path / "config.yaml").write_text("nonsense")
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        resume("train", tmp_path)
