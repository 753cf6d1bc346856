"""Compose settings from `conf/` and overrides, by Hydra."""

from collections.abc import Sequence
from pathlib import Path

from capsule_inspect.errors import ConfigError
from capsule_inspect.settings.config_files import gather
from capsule_inspect.settings.config_folders import config_folders
from capsule_inspect.settings.defaults import conf_folder
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import EXPERIMENT
from capsule_inspect.settings.overrides import as_hydra_override, split_override
from capsule_inspect.settings.yaml_text import one_line, typed_settings


def compose(overrides: Sequence[str] = (), config_dir: Path | None = None) -> Settings:
    """Composes settings from config files and overrides.

    Config files are searched in the folders of `config_folders`. `experiment=PATH` reads an
    experiment file from anywhere.

    Args:
        overrides: Overrides, such as `train.epochs=40` or `model=efficientnet_lite0`.
        config_dir: A folder of the user's own config groups.

    Raises:
        ConfigError: An override or config file is malformed, unknown, or of the wrong type.

    Example:
        >>> settings = compose(["train.epochs=40", "model=efficientnet_lite2"])
        >>> settings.train.epochs, settings.model.encoder
        (40, 'efficientnet_lite2')
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    given = dict(map(split_override, overrides))  # the last word on a key wins
    with gather(config_folders(config_dir), given.get(EXPERIMENT, "")) as files:
        if files.experiment:
            given[EXPERIMENT] = files.experiment
        folders = [files.folder, conf_folder()]
        named = [as_hydra_override(key, value, folders) for key, value in given.items()]
        search = f'hydra.searchpath=["file://{conf_folder().as_posix()}"]'
        try:
            with initialize_config_dir(str(files.folder), version_base="1.3"):
                composed = hydra_compose("config", overrides=[search, *named])
                return typed_settings(composed, files.place_of)
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
            raise ConfigError(files.explain(error) or _as_sentence(error)) from error


def _as_sentence(error: Exception) -> str:
    """Says in a sentence which setting is wrong, if the error knows, and why."""
    key = getattr(error, "full_key", None)
    reason = str(error).partition("\n")[0].rstrip(".")
    if key and key not in reason:
        return f"The setting {key} cannot be that: {reason}. --print-config shows what it is now."
    return f"The settings do not compose: {one_line(error)}"
