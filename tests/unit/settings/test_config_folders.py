from pathlib import Path

import pytest

from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.config_folders import config_folders, foreign_conf, group_options
from capsule_inspect.settings.groups import Settings


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


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


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("config.yaml", "defaults:\n  - _self_\nlr: 3\nseed: 1\n", "lr"),
        ("config.yaml", "defaults:\n  - optimizer: adam\n", "optimizer"),
        (
            "config.yaml",
            "defaults:\n  - override hydra/job_logging: colorlog\n",
            "hydra/job_logging",
        ),
        ("config.yaml", "train:\n  trainer_class: Lightning\n", "train.trainer_class"),
        ("model/resnet.yaml", "_target_: torchvision.models.resnet18\n", "model._target_"),
        ("experiment/a.yaml", "# @package _global_\ntrainer_class: x\n", "trainer_class"),
    ],
)
def test_the_conf_of_another_project_is_left_out(tmp_path, monkeypatch, name, text, key):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "conf" / name, text)
    write(tmp_path / "conf/train/default.yaml", "epochs: 3\n")
    assert foreign_conf() == (
        f"The folder 'conf' is left out, as that of another project: '{Path('conf') / name}' sets "
        f"{key}, which is not a setting. --config-dir conf reads it all the same."
    )
    assert len(config_folders()) == 1
    assert compose() == Settings()
    assert config_folders(Path("conf"))[0] == tmp_path / "conf"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.yaml", (config_folders()[-1] / "config.yaml").read_text(encoding="utf-8")),
        ("config.yaml", "train:\n  epochs: 3\n"),
        ("config.yaml", "trian:\n  epochs: 3\n"),
        ("config.yaml", "defaults:\n  - optional experiment: smoke\n  - override /model: lite\n"),
        ("config.yaml", "hydra:\n  verbose: true\n"),
        ("config.yaml", "defaults: [\n"),
        ("config.yaml", "7\n"),
        ("model/mine.yaml", "defaults: [efficientnet_lite2, _self_]\nroi: {width: 320}\n"),
        ("experiment/mine.yaml", "# @package _global_\ntrain: {epoks: 3}\n"),
        ("notes/mine.yaml", "trainer_class: x\n"),
    ],
)
def test_a_conf_of_this_tool_counts_even_with_a_slip_in_it(tmp_path, monkeypatch, name, text):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "conf" / name, text)
    assert foreign_conf() == ""
    assert config_folders()[0] == tmp_path / "conf"
