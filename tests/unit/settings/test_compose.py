from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.config_folders import config_folders, group_options
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.search_space import Dimension
from capsule_inspect.settings.yaml_text import read_settings, to_yaml

CONF = config_folders()[-1]
GROUPS = [field.name for field in fields(Settings)]
OPTIONS = [(group, option) for group in GROUPS for option in group_options(group, [CONF])]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a `conf` of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(*overrides: str, config_dir: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        compose(overrides, config_dir)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def differences(one: object, other: object, prefix: str = "") -> dict[str, object]:
    """Dotted keys in which the second settings differ from the first."""
    found: dict[str, object] = {}
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if is_dataclass(a):
            found |= differences(a, b, f"{prefix}{field.name}.")
        elif a != b:
            found[prefix + field.name] = b
    return found


def test_the_config_files_say_what_the_dataclasses_say():
    assert differences(Settings(), compose()) == {}


def test_every_group_has_config_files_and_every_folder_is_a_group():
    assert {group for group, _ in OPTIONS} == set(GROUPS)
    assert {path.name for path in CONF.iterdir() if path.is_dir()} == {*GROUPS, "experiment"}


def config_file(group: str, option: str) -> dict[str, object]:
    return OmegaConf.to_container(OmegaConf.load(CONF / group / f"{option}.yaml"))


def default_options() -> dict[str, str]:
    """The option of each group that every command starts from."""
    listed = OmegaConf.load(CONF / "config.yaml").defaults
    return {group: option for entry in listed[:-1] for group, option in entry.items()}


@pytest.mark.parametrize("group", GROUPS)
def test_the_default_option_spells_out_its_group(group):
    written = config_file(group, default_options()[group])
    assert set(written) == {field.name for field in fields(getattr(Settings(), group))}


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_other_option_says_only_what_differs_from_the_default(group, option):
    changed = differences(Settings(), compose([f"{group}={option}"]))
    default = default_options()[group]
    if option == default:
        assert changed == {}
    else:
        written = config_file(group, option)
        assert written.pop("defaults") == [default, "_self_"]
        assert changed == {f"{group}.{key}": value for key, value in written.items()}


def test_what_an_option_does_not_say_can_be_changed():
    settings = compose(
        ["model=convnext_tiny", "export=float16", "model.head_shrinkage=1", "data=drawn"]
    )
    assert differences(Settings(), settings) == {
        "model.encoder": "convnext_tiny",
        "model.head_shrinkage": 1.0,
        "export.format": "float16",
        "data.dir": "data/drawn",
        "data.count": 240,
    }


def test_options_differ_as_their_names_say():
    assert differences(Settings(), compose(["data=drawn"])) == {
        "data.dir": "data/drawn",
        "data.count": 240,
    }
    for name in ("int8", "float32", "float16", "dynamic"):
        assert compose([f"export={name}"]).export.format == name


@pytest.mark.parametrize("file", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda f: f.stem)
def test_every_experiment_composes_by_name_and_by_path(file):
    by_name = compose([f"experiment={file.stem}"])
    assert compose([f"experiment={file}"]) == by_name
    assert differences(Settings(), by_name) != {}


def test_overrides_change_what_they_name():
    settings = compose(
        [
            "train.epochs=40",
            "model.roi.mode=whole",
            "data.dir=a b",
            "model.decoder_filters=[4,3,2,1]",
        ]
    )
    assert differences(Settings(), settings) == {
        "train.epochs": 40,
        "model.roi.mode": "whole",
        "data.dir": "a b",
        "model.decoder_filters": [4, 3, 2, 1],
    }


def test_the_last_word_wins():
    assert compose(["train.epochs=5", "train.epochs=6"]).train.epochs == 6
    assert compose(["train.epochs=6", "experiment=smoke"]).train.epochs == 6


def test_a_comma_inside_quotes_is_no_sweep():
    assert compose(["data.dir='a,b'"]).data.dir == "a,b"


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("train.epoch=3", "train.epochs"),
        ("trian.epochs=3", "train.epochs"),
        ("data.valid=0.1", "data.val"),
        ("train.augment.rotation=3", "train.augment.rotate"),
        ("experimnet=smoke", "experiment"),
        ("train.lerning_rate=1", "train.learning_rate"),
        ("model.roi.hight=9", "model.roi.height"),
    ],
)
def test_an_unknown_key_is_answered_with_the_one_that_was_meant(override, meant):
    assert f"Did you mean '{meant}'?" in refusal(override)


def test_nothing_is_suggested_for_what_resembles_nothing():
    message = refusal("zzzzzzzz=1")
    assert "zzzzzzzz" in message
    assert "Did you mean" not in message


def test_where_nothing_resembles_it_the_group_is_listed():
    message = refusal("train.lrr=1")
    assert "Did you mean" not in message
    assert "train has frozen_epochs, frozen_learning_rate, epochs, steps" in message


def test_an_unknown_option_is_answered_with_those_there_are():
    message = refusal("experiment=smke")
    assert "Did you mean 'smoke'?" in message
    message = refusal("export=int9")
    assert message == (
        "export cannot be 'int9'. Did you mean 'int8'? Known: dynamic, float16, float32, int8."
    )


@pytest.mark.parametrize("key", ["hydra.run.dir=x", "+extra=1"])
def test_nothing_but_settings_can_be_set(key):
    assert "There is no setting" in refusal(key)


@pytest.mark.parametrize("value", ["1,2", "range(1,3)", "choice(1,2)", "glob(*)"])
def test_sweeps_are_refused(value):
    message = refusal(f"train.epochs={value}")
    assert "train.epochs" in message
    assert "one value" in message


@pytest.mark.parametrize("text", ["train", "train.epochs", "--epochs", "a b c", "a b=1"])
def test_what_is_no_override_is_answered_with_an_example(text):
    assert "train.epochs=40" in refusal(text)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("train.epochs=many", "train.epochs"),
        ("train.epochs=1.5", "train.epochs"),
        ("train.epochs=true", "train.epochs"),
        ("train.epochs=null", "train.epochs"),
        ("train.epochs=", "train.epochs"),
        ("data.val=x", "data.val"),
        ("data.val=2", "data.val"),
        ("model.decoder_filters=7", "model.decoder_filters"),
        ("model.decoder_filters=[a]", "model.decoder_filters"),
        ("model.roi.mode=middle", "model.roi.mode cannot be 'middle'"),
        ("train.learning_rate=nan", "train.learning_rate is nan"),
        ("export.format=int9", "Did you mean 'int8'?"),
        ("predict.threads=0", "predict.threads"),
        ("train.augment=3", "AugmentSettings"),
        ("train=null", "train cannot be 'null'. Known: default."),
        ("train=3", "train cannot be '3'. Known: default."),
    ],
)
def test_a_wrong_value_is_refused_by_name(override, named):
    assert named in refusal(override)


def test_an_experiment_file_is_read_from_anywhere(tmp_path: Path):
    text = "# @package _global_\ntrain:\n  epochs: 3\ndata:\n  seed: 9\n"
    for name in ("mine.yaml", "a name, with (much) in it.yaml", "short.yml"):
        file = write(tmp_path / "some where" / name, text)
        expected = {"train.epochs": 3, "data.seed": 9}
        assert differences(Settings(), compose([f"experiment={file}"])) == expected
        file.unlink()


def test_the_config_of_a_run_is_an_experiment(tmp_path: Path):
    before = compose(["experiment=whole_picture", "train.epochs=3", "data.dir=2026_11"])
    file = write(tmp_path / "run/config.yaml", to_yaml(before))
    assert compose([f"experiment={file}"]) == before
    after = compose([f"experiment={file}", "train.epochs=9"])
    assert differences(before, after) == {"train.epochs": 9}


def test_an_override_outweighs_an_experiment_file(tmp_path: Path):
    file = write(tmp_path / "mine.yaml", "# @package _global_\ntrain: {epochs: 3, steps: 7}\n")
    settings = compose([f"experiment={file}", "train.epochs=4"])
    assert (settings.train.epochs, settings.train.steps) == (4, 7)


def test_a_missing_experiment_file_is_named():
    assert "nowhere.yaml" in refusal("experiment=nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            "# @package _global_\ntrain: {epoks: 3}\n",
            "bad.yaml', line 2 sets 'train.epoks', which is not a setting. Did you mean 'train.ep",
        ),
        (
            "# @package _global_\ndata: {dir: 1.10}\n",
            "line 2 sets data.dir to a word that YAML reads",
        ),
        ("train: {epochs: 3}\n", "# @package _global_"),
        ("# @package _global_\ntrain: {epochs: many}\n", "train.epochs"),
        ("# @package _global_\ntrain: [1,\n", "bad.yaml', line 3, is not valid YAML: expected"),
        ("# @package _global_\ntrain:\n\tepochs: 3\n", "bad.yaml', line 3, is not valid YAML"),
        (
            "# @package _global_\ntrain:\n  epochs: 3\ntrain:\n  steps: 3\n",
            "bad.yaml', line 4, is not valid YAML: found duplicate key train",
        ),
        ("# @package _global_\nthing: 1\n", "thing"),
        ("- 1\n- 2\n", "name groups"),
    ],
)
def test_a_bad_experiment_file_is_refused_in_a_sentence(tmp_path: Path, text, named):
    assert named in refusal(f"experiment={write(tmp_path / 'bad.yaml', text)}")


def test_an_experiment_file_in_another_encoding_is_refused_with_the_line(tmp_path: Path):
    file = tmp_path / "bad.yaml"
    file.write_bytes("# @package _global_\n# für Linie 3\ntrain:\n  epochs: 3\n".encode("latin-1"))
    assert refusal(f"experiment={file}") == (
        f"The config file '{file}': line 2 holds the byte 0xFC, which is not UTF-8. Save the file "
        "as UTF-8."
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_config_files_may_have_a_byte_order_mark(tmp_path: Path, encoding):
    folder = tmp_path / "mine"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "brief.yaml").write_text("# kürzer\nepochs: 3\n", encoding)
    experiment = tmp_path / "mine.yaml"
    experiment.write_text("# @package _global_\ndata:\n  dir: Prüfung\n", encoding)
    settings = compose([f"experiment={experiment}", "train=brief"], folder)
    assert differences(Settings(), settings) == {"train.epochs": 3, "data.dir": "Prüfung"}


def option(folder: Path, epochs: int, name: str = "default") -> None:
    write(folder / "train" / f"{name}.yaml", f"epochs: {epochs}\n")


def test_a_config_dir_comes_before_conf_here_and_that_before_the_package(
    tmp_path: Path, elsewhere: Path
):
    given = tmp_path / "given"
    given.mkdir()
    assert compose() == Settings()
    option(elsewhere / "conf", 11)
    assert compose().train.epochs == 11
    assert compose(config_dir=given).train.epochs == 11
    option(given, 12)
    assert compose(config_dir=given).train.epochs == 12
    assert compose().train.epochs == 11
    assert config_folders(given) == (given, elsewhere / "conf", CONF)


def test_what_a_file_leaves_out_keeps_its_default(tmp_path: Path):
    option(tmp_path, 12)
    assert differences(Settings(), compose(config_dir=tmp_path)) == {"train.epochs": 12}


def test_options_of_all_folders_are_known(tmp_path: Path):
    option(tmp_path, 13, "brief")
    assert compose(["train=brief"], tmp_path).train.epochs == 13
    assert compose(["data=drawn"], tmp_path).data.count == 240
    assert "brief, default" in refusal("train=breif", config_dir=tmp_path)


def test_a_config_yaml_of_ones_own_comes_first(tmp_path: Path):
    text = (CONF / "config.yaml").read_text(encoding="utf-8")
    write(tmp_path / "config.yaml", text.replace("data: capsule", "data: drawn"))
    assert compose(config_dir=tmp_path).data.dir == "data/drawn"


@pytest.mark.parametrize("name", ["with space", "a, comma", "[brackets]", "sign#sign", "ünïcode"])
def test_a_config_dir_may_have_any_name(tmp_path: Path, name):
    option(tmp_path / name, 14)
    assert compose(config_dir=tmp_path / name).train.epochs == 14


def test_a_config_dir_may_be_relative(elsewhere: Path):
    option(elsewhere / "mine", 15)
    assert compose(config_dir=Path("mine")).train.epochs == 15


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("epochs: [\n", "bad.yaml', line 2, is not valid YAML"),
        (
            "epoch: 3\n",
            "bad.yaml', line 1 sets 'train.epoch', which is not a setting. Did you mean",
        ),
        ("epochs: twelve\n", "train.epochs"),
        ("[1, 2]\n", "TrainSettings"),
    ],
)
def test_a_bad_config_file_is_refused_in_a_sentence(tmp_path: Path, text, named):
    write(tmp_path / "train" / "bad.yaml", text)
    assert named in refusal("train=bad", config_dir=tmp_path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("defaults: [\n", "config.yaml', line 2, is not valid YAML"),
        ("defaults:\n  - nope: x\n", "nope/x"),
        ("[1]\n", "'config'"),
    ],
)
def test_a_bad_config_yaml_is_refused_in_a_sentence(tmp_path: Path, text, named):
    write(tmp_path / "config.yaml", text)
    assert named in refusal(config_dir=tmp_path)


def test_a_search_space_is_given_in_a_file_or_on_the_command_line(tmp_path: Path):
    expected = [
        Dimension("train.augment.rotate", 0.0, 10.0),
        Dimension("train.batch_size", choices=[4, 8]),
    ]
    write(
        tmp_path / "space" / "mine.yaml",
        "dimensions:\n  - {key: train.augment.rotate, low: 0, high: 10}\n"
        "  - {key: train.batch_size, choices: [4, 8]}\n",
    )
    assert compose(["space=mine"], tmp_path).space.dimensions == expected
    override = (
        "space.dimensions=[{key:train.augment.rotate,low:0,high:10},"
        "{key:train.batch_size,choices:[4,8]}]"
    )
    settings = compose([override])
    assert settings.space.dimensions == expected
    stored = write(tmp_path / "config.yaml", to_yaml(settings))
    assert read_settings(stored) == settings


@pytest.mark.parametrize(
    ("dimension", "named"),
    [
        ("{key:train.lr,low:1,high:2}", "train.lr"),
        ("{low:1,high:2}", "key"),
        ("{key:train.steps,lo:1,high:2}", "lo"),
        ("{key:train.steps,low:a,high:2}", "low"),
        ("7", "dimensions"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_by_name(dimension, named):
    assert named in refusal(f"space.dimensions=[{dimension}]")


def test_the_last_experiment_counts(tmp_path: Path):
    file = write(tmp_path / "mine.yaml", "# @package _global_\ntrain: {epochs: 3}\n")
    settings = compose(["experiment=smoke", f"experiment={file}"])
    assert differences(Settings(), settings) == {"train.epochs": 3}
