from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.overrides import as_hydra_override, split_override
from capsule_inspect.settings.yaml_text import read_settings, to_yaml

WORDS = [
    "1.10",
    "1.1",
    "2026_11_25",
    "2026-11-25",
    "1e3",
    "0x1F",
    "12:30",
    "true",
    "null",
    "nan",
    "Prüfung",
    "Linie 3 (neu)",
    "run#2",
    "a~1",
    "a=b",
    "a b=c,d/data",
    "[1,2]",
    "{a:1}",
    "${oc.env:HOME}",
    "${",
    "\\${x}",
    "C:\\new\\",
    "it's",
    'say "so"',
    "range(1,3)",
    "glob(*)",
    " led by a space",
    "a: b",
    "&anchor",
    "tab\tin it",
    "%",
    "@",
    "",
]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_taken_to_the_letter(word, tmp_path):
    settings = compose([f"data.dir={word}"])
    assert settings.data.dir == word
    (tmp_path / "config.yaml").write_text(to_yaml(settings), encoding="utf-8")
    assert read_settings(tmp_path / "config.yaml") == settings


@given(st.text(st.characters(codec="utf-8"), max_size=12))
@example("\\'")
def test_hydra_reads_the_word_that_was_typed(word):
    key, value = split_override(f'data.dir="{word}"')
    assert (key, value) == ("data.dir", word)
    parsed = OverridesParser.create().parse_override(as_hydra_override(key, value, []))
    assert OmegaConf.create({"dir": parsed.value()}).dir == word


@pytest.mark.parametrize("quoted", ["'a,b'", '"a,b"'])
def test_quotes_around_the_whole_value_are_left_out(quoted):
    assert split_override(f"data.dir={quoted}") == ("data.dir", "a,b")


@pytest.mark.parametrize("sign", ["+", "++"])
def test_a_plus_sign_changes_nothing(sign):
    assert compose([f"{sign}experiment=smoke"]) == compose(["experiment=smoke"])
    assert compose([f"{sign}train.epochs=3"]).train.epochs == 3


@pytest.mark.parametrize(
    ("text", "proposed"),
    [("~train.drawn", "train.drawn=VALUE"), ("~experiment=smoke", "experiment=VALUE")],
)
def test_taking_a_setting_away_is_refused_with_what_to_write(text, proposed):
    with pytest.raises(ConfigError, match="would take a setting away") as caught:
        split_override(text)
    assert proposed in str(caught.value)


def test_several_values_of_a_word_are_one_value():
    with pytest.raises(ConfigError, match="export cannot be 'int8,float32'"):
        compose(["export=int8,float32"])


@pytest.mark.parametrize(
    "url", ["postgresql://me:hush@host/db?x=1", "postgresql://me:hu,sh@host/db"]
)
def test_a_url_needs_no_quotes(url):
    assert compose([f"tune.storage={url}"]).tune.storage == url


def test_a_password_is_not_repeated():
    with pytest.raises(ConfigError) as caught:
        split_override("postgresql://me:hush@host/db")
    assert "postgresql://me:***@host/db" in str(caught.value)


def test_an_option_is_found_in_the_folders_that_are_given(tmp_path: Path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "1.10.yaml").touch()
    assert as_hydra_override("train", "1.10", [tmp_path]) == "train='1.10'"
    with pytest.raises(ConfigError, match=r"Known: 1\.10\."):
        as_hydra_override("train", "1.1", [tmp_path])
