import sys
from pathlib import Path

import pytest
from recorder import Recorder

from capsule_inspect.errors import ConfigError, UsageError
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import OPTIONS, value_of
from capsule_inspect.settings.yaml_text import to_yaml
from capsule_inspect.workflows.arguments import (
    all_overrides,
    as_output,
    as_path,
    compose_for_model,
    compose_settings,
    options_of,
    overridden_key,
)


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
def test_a_data_set_folder_needs_no_quotes_and_outranks_config_files(folder, tmp_path):
    (tmp_path / "conf/data").mkdir(parents=True)
    (tmp_path / "conf/data/capsule.yaml").write_text("dir: other\n")
    options = {"data.dir": folder, "data.root": folder}
    settings = compose_settings(options=options)
    assert (settings.data.dir, settings.data.root) == ("a b=c", "a b=c")
    assert compose_settings(options=dict.fromkeys(options)).data.dir == "other"


@pytest.fixture
def run(tmp_path) -> Path:
    """A finished run of the data set `sets/1.10`, as far as settings are concerned."""
    folder = tmp_path / "run"
    folder.mkdir()
    settings = compose_settings(["data.dir=sets/1.10", "data.root=elsewhere", "train.epochs=3"])
    (folder / "config.yaml").write_text(to_yaml(settings))
    (folder / "decision.json").touch()
    return folder


@pytest.mark.parametrize("file", ["", "model.keras", "model.tflite"])
def test_a_model_of_a_run_brings_its_data_set_and_nothing_else(run, file):
    recorder = Recorder()
    (run / "model.keras").touch()
    (run / "model.tflite").touch()
    settings = compose_for_model(run / file, [], None, options_of(data=None), recorder)
    assert (settings.data.dir, settings.data.root) == ("sets/1.10", "elsewhere")
    assert settings.train == Settings().train
    assert recorder.said == ["The data set is 'sets/1.10', on which it was trained."]


def test_another_data_set_may_be_named_in_every_way(run, tmp_path):
    def data_dir(*overrides: str, **options: str) -> str:
        given = options_of(**{"data": None, **options})
        return compose_for_model(run, overrides, None, given).data.dir

    default = Settings().data.dir
    assert data_dir(data="other") == "other"
    assert data_dir(f"data.dir={default}") == default
    assert data_dir("data=capsule") == default
    (tmp_path / "mine.yaml").write_text("# @package _global_\ndata: {dir: other}\n")
    assert data_dir("experiment=mine.yaml") == "other"
    assert data_dir("export=float16") == "sets/1.10"
    (run / "decision.json").unlink()
    assert data_dir() == default


@pytest.mark.parametrize("text", ["s3://lab/set", "s3:/lab/set", Path("gs://lab/set")])
def test_an_address_is_no_place_to_write_to(text):
    with pytest.raises(UsageError, match="is an address, and no folder on this machine"):
        as_output(text)
    assert as_output("C:/set") == Path("C:/set")
    assert as_output(None) is None


def test_options_are_told_by_the_settings_they_stand_for():
    assert options_of(data="a", data_root=None) == {"data.dir": "a", "data.root": None}
    assert options_of("train", resume="b") == {"train.resume": "b"}
    assert options_of("tune", resume="c", storage="d") == {"tune.resume": "c", "tune.storage": "d"}
    assert options_of("export", cross_validation="e") == {"export.cross_validation": "e"}
    with pytest.raises(KeyError):
        options_of("export", resume="f")


@pytest.mark.parametrize("key", OPTIONS)
def test_an_override_says_which_option_it_is_now(key):
    recorder = Recorder()
    settings = compose_settings([f"{key}=a", f"{key}=b"], options={key: None}, reporter=recorder)
    assert value_of(settings, key) == "b"
    assert recorder.said == [f"`{key}=b` is now `{OPTIONS[key]} b`."]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.dir='a b'", "`data.dir='a b'` is now `--data 'a b'`."),
        ("++data.dir=$HOME", "`++data.dir=$HOME` is now `--data '$HOME'`."),
        (
            "tune.storage='pg://me:geheim@host/db'",
            "`tune.storage='pg://me:***@host/db'` is now `--storage 'pg://me:***@host/db'`.",
        ),
        (
            "tune.storage='pg://host/db?password=geheim'",
            "`tune.storage='pg://host/db?password=***'` is now `--storage "
            "'pg://host/db?password=***'`.",
        ),
    ],
)
def test_an_option_is_told_as_a_shell_takes_it_and_without_passwords(override, said):
    recorder = Recorder()
    options = {"data.dir": None, "tune.storage": None}
    compose_settings([override], options=options, reporter=recorder)
    assert recorder.said == [said]


@pytest.mark.parametrize("overrides", [[], ["train.epochs=3"], ["data.root="], ["data=drawn"]])
def test_nothing_is_said_of_other_overrides(overrides):
    recorder = Recorder()
    options = {"data.dir": "mine", "data.root": None}
    compose_settings(overrides, options=options, reporter=recorder)
    assert recorder.said == []


@pytest.mark.parametrize(
    ("override", "value", "option"),
    [
        ("data=capsules", "capsules", "--data capsules"),
        ("data=data/capsule", "data/capsule", "--data data/capsule"),
        ("data='my things'", "my things", "--data 'my things'"),
    ],
)
def test_a_folder_in_place_of_a_config_file_is_answered_with_the_option(override, value, option):
    with pytest.raises(ConfigError) as caught:
        compose_settings([override], options={"data.dir": None})
    assert str(caught.value) == (
        f"data cannot be '{value}'. Known: capsule, drawn. For a data set folder, write `{option}`."
    )


def test_a_command_without_the_option_does_not_name_it():
    with pytest.raises(ConfigError, match=r"data cannot be 'capsules'\. .* Known: capsule, drawn"):
        compose_settings(["data=capsules"])


def test_a_config_file_of_ones_own_for_the_data_is_found(tmp_path):
    (tmp_path / "mine/data").mkdir(parents=True)
    (tmp_path / "mine/data/line.yaml").write_text("defaults: [capsule, _self_]\ndir: line\n")
    options = {"data.dir": None}
    assert compose_settings(["data=line"], tmp_path / "mine", options).data.dir == "line"


def test_an_option_of_another_command_is_not_named():
    recorder = Recorder()
    compose_settings(["train.resume=a"], options={"tune.resume": None}, reporter=recorder)
    assert recorder.said == []


def test_an_override_that_contradicts_its_option_is_refused():
    with pytest.raises(UsageError) as caught:
        compose_settings(["data.dir=old"], options={"data.dir": "a b"})
    assert str(caught.value) == (
        "`data.dir=old` contradicts `--data 'a b'`. Leave one of them out."
    )
    one, other = "pg://me:geheim@host/a", "pg://me:geheim@host//a"
    with pytest.raises(UsageError, match="contradicts `--storage") as caught:
        compose_settings([f"tune.storage='{one}'"], options={"tune.storage": other})
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("option", ["mine/data", "mine//data/", Path("mine/data")])
def test_an_override_may_say_the_same_as_its_option(option):
    recorder = Recorder()
    options = {"data.dir": option}
    settings = compose_settings(["data.dir=mine/data"], options=options, reporter=recorder)
    assert Path(settings.data.dir) == Path("mine/data")
    assert recorder.said == ["`data.dir=mine/data` is now `--data mine/data`."]


def test_light_settings_are_the_defaults_and_do_without_hydra(monkeypatch):
    monkeypatch.setitem(sys.modules, "hydra", None)
    assert compose_settings(light=True) == Settings()
    assert compose_settings(options={"data.dir": "new"}, light=True).data.dir == "new"
    with pytest.raises(ImportError):
        compose_settings(["train.epochs=3"], light=True)


def test_light_settings_read_config_files_that_lie_here(tmp_path):
    (tmp_path / "conf/predict").mkdir(parents=True)
    (tmp_path / "conf/predict/default.yaml").write_text("threads: 3\n")
    assert compose_settings(light=True).predict.threads == 3


def test_options_are_recorded_as_overrides():
    given = {"data.dir": None, "data.root": None}
    assert all_overrides(["train.epochs=3"], given) == ("train.epochs=3",)
    given = {"data.dir": Path("new"), "data.root": None, "train.resume": "run"}
    assert all_overrides(["train.epochs=3"], given) == (
        "train.epochs=3",
        "data.dir=new",
        "train.resume=run",
    )


@pytest.mark.parametrize("override", ["data.dir=a=b", "+data.dir=a", "++data.dir=a", "data.dir="])
def test_an_override_has_a_key(override):
    assert overridden_key(override) == "data.dir"


def test_a_path_may_be_left_out():
    assert as_path(None) is None
    assert as_path("a/b") == Path("a/b")
