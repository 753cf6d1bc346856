"""Overrides, such as `train.epochs=40`: as people type them, and as Hydra's grammar has them."""

import re
from collections.abc import Sequence
from pathlib import Path

from capsule_inspect.checks import require_choice
from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.config_folders import group_options
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import override_keys, plain_type, suggest_key
from capsule_inspect.settings.yaml_text import without_interpolation
from capsule_inspect.text import mask_passwords


def split_override(text: str) -> tuple[str, str]:
    """Splits an override into the key and the value.

    A plus sign in front changes nothing: in Hydra it adds a setting, but here all are there.

    Args:
        text: As a person types it.

    Raises:
        ConfigError: It is not an override, or its key is no setting.
    """
    if text.startswith("~"):
        key = text[1:].partition("=")[0]
        raise ConfigError(
            f"'{text}' would take a setting away, but each has a value. Write {key}=VALUE for "
            "another one, or leave it out for the default."
        )
    key, equals, value = text.removeprefix("+").removeprefix("+").partition("=")
    if not equals or not re.fullmatch(r"[\w.]+", key):
        raise ConfigError(
            f"'{mask_passwords(text)}' is not an override. Write KEY=VALUE, such as "
            "train.epochs=40."
        )
    settings = Settings()
    if key not in override_keys(settings):
        raise ConfigError(f"There is no setting '{key}'.{suggest_key(settings, key)}")
    return key, _without_quotes(value) if _is_word(key) else value


def as_hydra_override(key: str, value: str, folders: Sequence[Path]) -> str:
    """Returns an override in Hydra's grammar, in which a word is what the person typed.

    Hydra takes `data.dir=1.10` for a number and `data.dir=Prüfung` for an error. Here, a setting
    that is a word gets the value to the letter; numbers and lists are as in Hydra.

    Args:
        key: A setting, a group or `experiment`.
        value: Its value.
        folders: Where the options of groups are.

    Raises:
        ConfigError: There is no such option, or the value cannot be parsed.
    """
    if "." not in key:
        require_choice(key, value, group_options(key, folders), ConfigError)
    if _is_word(key):
        return f"{key}={_quoted(value)}"
    _require_one_value(f"{key}={value}")
    return f"{key}={value}"


def _is_word(key: str) -> bool:
    return "." not in key or plain_type(Settings, key) is str


def _without_quotes(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value


def _quoted(word: str) -> str:
    """Quotes a word so that Hydra, and OmegaConf after it, take it to the letter."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(without_interpolation(word), Quote.single).with_quotes()


def _require_one_value(text: str) -> None:
    """Refuses what Hydra cannot parse, in one sentence; Hydra would print a page."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise ConfigError(
            f"'{text}' cannot be read. Numbers, true, false and lists such as [96,64] can."
        ) from error
    if override.is_sweep_override():
        raise ConfigError(
            f"'{text}' asks for several values of {override.key_or_group}, but a command runs "
            "once. Give one value; `tune` searches over many."
        )
