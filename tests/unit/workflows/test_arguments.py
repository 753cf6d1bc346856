import sys
from pathlib import Path

import pytest

from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.groups import Settings
from capsule_inspect.workflows.arguments import all_overrides, as_path, compose_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_overrides_and_config_folders_of_ones_own_change_settings(tmp_path):
    (tmp_path / "mine/export").mkdir(parents=True)
    (tmp_path / "mine/export/fine.yaml").write_text("format: float16\n")
    settings = compose_settings(["train.epochs=3", "export=fine"], str(tmp_path / "mine"))
    assert (settings.train.epochs, settings.export.format) == (3, "float16")
    with pytest.raises(ConfigError, match="export cannot be 'fine'"):
        compose_settings(["export=fine"])


@pytest.mark.parametrize("folder", ["a b=c", Path("a b=c")])
def test_a_data_set_folder_needs_no_quotes_and_outranks_overrides(folder):
    settings = compose_settings(["data.dir=other"], data=folder, data_root=folder)
    assert (settings.data.dir, settings.data.root) == ("a b=c", "a b=c")


def test_light_settings_are_the_defaults_and_do_without_hydra(monkeypatch):
    monkeypatch.setitem(sys.modules, "hydra", None)
    assert compose_settings(light=True) == Settings()
    assert compose_settings(light=True, data="new").data.dir == "new"
    with pytest.raises(ImportError):
        compose_settings(["train.epochs=3"], light=True)


def test_light_settings_read_config_files_that_lie_here(tmp_path):
    (tmp_path / "conf/predict").mkdir(parents=True)
    (tmp_path / "conf/predict/default.yaml").write_text("threads: 3\n")
    assert compose_settings(light=True).predict.threads == 3


def test_the_data_set_folder_is_recorded_as_an_override():
    assert all_overrides(["train.epochs=3"], None) == ("train.epochs=3",)
    assert all_overrides(["train.epochs=3"], Path("new")) == ("train.epochs=3", "data.dir=new")


def test_a_path_may_be_left_out():
    assert as_path(None) is None
    assert as_path("a/b") == Path("a/b")
