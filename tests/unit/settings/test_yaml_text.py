from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.yaml_text import (
    groups_to_yaml,
    read_settings,
    to_yaml,
)


def test_settings_survive_yaml(tmp_path: Path):
    settings = compose(["experiment=smoke", "data.dir='a: [b] # c'", "train.learning_rate=1e-5"])
    settings = replace(settings, data=replace(settings.data, root="ünï 'quoted'"))
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(settings), encoding="utf-8")
    assert read_settings(file) == settings


def test_yaml_lists_every_setting():
    assert yaml.safe_load(to_yaml(Settings())) == asdict(Settings())


@pytest.mark.parametrize(
    "content",
    [
        b"[1, 2]",
        b"3",
        b"hello",
        b"\xff\xfe",
        b"a: [",
        b"",
        b"train: 3",
        b"train: null",
        b"train: {epoch: 3}",
        b"train: {epochs: x}",
        b"data: {val: 3}",
        b"data: {dir: '${x}'}",
    ],
)
def test_a_file_without_settings_is_refused_by_name(tmp_path: Path, content):
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        read_settings(file)


def test_a_missing_settings_file_is_refused_by_name(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        read_settings(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match="work"):
        read_settings(tmp_path / "work")


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path):
    file = tmp_path / "config.yaml"
    file.write_text("# nothing\n")
    with pytest.raises(ConfigError, match="holds no settings: it is empty"):
        read_settings(file)


def test_some_groups_are_written_whole_and_no_others():
    text = groups_to_yaml(Settings(), ["train", "predict"])
    assert [line for line in text.splitlines() if not line.startswith(" ")] == [
        "train:",
        "predict:",
    ]
    assert "  max_megapixels: 100.0" in text
