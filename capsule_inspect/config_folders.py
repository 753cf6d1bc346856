"""The folders of config files, and the options of each group in them."""

from collections.abc import Sequence
from pathlib import Path

from capsule_inspect.errors import ConfigError
from capsule_inspect.suggest import suggest_path


def config_folders(config_dir: Path | None = None) -> tuple[Path, ...]:
    """Returns the folders searched for config files, first match first.

    These are `config_dir`, then `./conf`, then the `conf` that belongs to the package.

    Raises:
        ConfigError: `config_dir` is not a folder.
    """
    if config_dir is not None and not config_dir.is_dir():
        raise ConfigError(
            f"The config folder '{config_dir}' does not exist."
            f"{suggest_path(config_dir) or ' Check --config-dir.'}"
        )
    package = Path(__file__).resolve().parent
    # A wheel carries conf inside the package; a checkout and an editable install have it beside.
    inside, beside = package / "conf", package.parent / "conf"
    own = inside if inside.is_dir() else beside
    given = [config_dir.resolve()] if config_dir else []
    folders = [*given, Path("conf").resolve(), own]
    return tuple(dict.fromkeys(folder for folder in folders if folder.is_dir()))


def group_options(group: str, folders: Sequence[Path]) -> list[str]:
    """Returns the names of a group's config files, such as `int8` of `export`, sorted.

    Args:
        group: Name of the group.
        folders: Where to look.
    """
    return sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})
