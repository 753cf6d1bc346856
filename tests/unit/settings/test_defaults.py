import subprocess
import sys
from dataclasses import fields
from inspect import signature
from typing import Any, get_type_hints

import pytest
import yaml

from capsule_inspect.checks import rules_of, setting
from capsule_inspect.imaging.picture import MAX_PIXELS
from capsule_inspect.imaging.read import decode_picture, read_picture
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import load
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.defaults import conf_folder, default_file, default_values, group
from capsule_inspect.settings.groups import Settings, TrainSettings
from capsule_inspect.settings.keys import keys, value_of
from capsule_inspect.settings.search_space import Dimension

INNER = {"model.roi", "train.augment"}
GROUPS = {field.name for field in fields(Settings)}
LEAVES = sorted(set(keys(Settings())) - GROUPS - INNER)


def keys_of(values: dict[str, Any], prefix: str) -> set[str]:
    """Dotted keys of what a config file holds, but for groups."""
    found = set()
    for name, value in values.items():
        inner = isinstance(value, dict)
        found |= keys_of(value, f"{prefix}{name}.") if inner else {prefix + name}
    return found


def test_every_default_stands_in_the_file_of_its_group_and_every_key_there_is_a_setting():
    config = yaml.safe_load((conf_folder() / "config.yaml").read_text(encoding="utf-8"))
    assert set(config) == {"defaults"}
    written: list[str] = []
    for name in GROUPS:
        text = default_file(name).read_text(encoding="utf-8")
        written += keys_of(yaml.safe_load(text), f"{name}.")
    assert sorted(written) == LEAVES


@pytest.mark.parametrize("key", [*LEAVES, *sorted(INNER)])
def test_every_setting_has_a_sentence_and_its_type(key):
    holder, _, name = key.rpartition(".")
    settings = value_of(Settings(), holder)
    sentence = rules_of(settings)[name].sentence
    assert sentence[0].isupper() or sentence[0] == "`"
    assert sentence.endswith(".")
    kind, value = get_type_hints(type(settings))[name], getattr(settings, name)
    assert type(value) is getattr(kind, "__origin__", kind)


@pytest.mark.parametrize("key", LEAVES)
def test_a_default_is_what_the_file_says(key):
    holder, _, name = key.rpartition(".")
    written = default_values(holder)[name]
    if key == "space.dimensions":
        written = [Dimension(**each) for each in written]
    assert value_of(Settings(), key) == written


def test_python_callers_have_the_defaults_of_predict():
    defaults = Settings().predict
    assert defaults.max_megapixels * 1e6 == MAX_PIXELS == InspectOptions().max_pixels
    for reader in (read_picture, decode_picture):
        assert signature(reader).parameters["max_pixels"].default == MAX_PIXELS
    assert signature(load).parameters["threads"].default == defaults.threads


def test_composing_changes_no_default():
    assert compose() == Settings()


def test_the_options_that_config_yaml_names_hold_the_defaults():
    assert default_file("data") == conf_folder() / "data" / "capsule.yaml"
    assert default_file("export") == conf_folder() / "export" / "int8.yaml"


def test_an_inner_group_has_the_defaults_that_its_outer_group_gives_it():
    assert type(TrainSettings().augment)() == TrainSettings().augment


def test_a_setting_without_a_default_is_named_with_the_file_that_lacks_it():
    @group("train")
    class Wider:
        epochs: int = setting("Epochs.", at_least=1)
        patients: int = setting("Nothing that there is.")

    assert Wider(patients=3).epochs == TrainSettings().epochs
    with pytest.raises(LookupError, match=r"default\.yaml' holds no .* train\.patients"):
        Wider()


def test_importing_settings_reads_no_file():
    loaded = "import sys, capsule_inspect.settings.groups; print('yaml' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
