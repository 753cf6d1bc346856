from pathlib import Path

import pytest

from capsule_inspect.config_folders import config_folders, group_options
from capsule_inspect.errors import ConfigError


def test_a_given_folder_comes_first_and_that_of_the_package_last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (own,) = config_folders()
    assert (own / "config.yaml").is_file()
    here, given = tmp_path / "conf", tmp_path / "given"
    here.mkdir()
    given.mkdir()
    assert config_folders() == (here, own)
    assert config_folders(Path("given")) == (given, here, own)
    assert config_folders(here) == (here, own)


def test_a_missing_folder_is_named_with_the_one_that_was_meant(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere' does not exist\. Check --config-dir"):
        config_folders(tmp_path / "nowhere")
    (tmp_path / "settings").mkdir()
    with pytest.raises(ConfigError, match=r"Did you mean '.*settings'"):
        config_folders(tmp_path / "setings")


def test_the_options_of_all_folders_are_listed_once(tmp_path):
    for name in ("one/train/long.yaml", "two/train/long.yaml", "two/train/brief.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    folders = [tmp_path / "one", tmp_path / "two"]
    assert group_options("train", folders) == ["brief", "long"]
    assert group_options("model", folders) == []
