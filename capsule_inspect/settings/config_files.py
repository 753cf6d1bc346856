"""The config files that a person wrote, gathered for Hydra, and where in them a setting stands."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from capsule_inspect.errors import ConfigError
from capsule_inspect.files import read_text
from capsule_inspect.settings.config_folders import CONFIG
from capsule_inspect.settings.defaults import conf_folder
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import EXPERIMENT
from capsule_inspect.text import suggest_path

_GIVEN = "given"
"""The name by which Hydra finds an experiment file that is given by its path."""


@dataclass(frozen=True)
class ConfigFiles:
    """Copies of the person's config files in UTF-8.

    Attributes:
        folder: The folder of the copies, as Hydra wants it: `config.yaml`, and a folder per group.
        sources: The file that each copy is of.
        experiment: The name by which Hydra finds the experiment file; empty without one.
    """

    folder: Path
    sources: Mapping[Path, Path]
    experiment: str

    def place_of(self, key: str) -> str:
        """Returns where a file sets a key, such as `'mine.yaml', line 3`; nothing if none does.

        Args:
            key: Dotted key, such as `train.epochs`.
        """
        for copy, source in self.sources.items():
            is_global = copy.parent == self.folder or copy.parent.name == EXPERIMENT
            names = key.split(".")
            if not is_global and names.pop(0) != copy.parent.name:
                continue
            line = _line_of(copy, names)
            if line:
                return f"'{source}', line {line}"
        return ""

    def explain(self, error: Exception) -> str:
        """Returns file, line and problem of an error of YAML; nothing if the error has none."""
        mark = getattr(error, "problem_mark", None)
        name = mark.name if mark else getattr(error, "name", "")
        source = self.sources.get(Path(str(name)), name)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None)
        if not (source and problem):
            return ""
        place = f"'{source}', line {mark.line + 1}" if mark else f"'{source}'"
        return f"The config file {place}, is not valid YAML: {problem}."


@contextmanager
def gather(folders: Sequence[Path], experiment: str = "") -> Iterator[ConfigFiles]:
    """Copies the config files of some folders, and an experiment file, to a temporary folder.

    Args:
        folders: As `config_folders` returns them; those of the package need no copies, but for
            `config.yaml`.
        experiment: Name or path of an experiment file; nothing for none.

    Yields:
        The copies.

    Raises:
        ConfigError: The experiment file does not exist, or a file is not UTF-8 text.
    """
    with tempfile.TemporaryDirectory() as name:
        copies, sources = Path(name).resolve(), {}
        shutil.copyfile(conf_folder() / CONFIG, copies / CONFIG)
        for folder in reversed(folders):
            if folder != conf_folder():
                for source in (folder / CONFIG, *sorted(folder.glob("*/*.yaml"))):
                    if source.is_file():
                        copy = copies / source.relative_to(folder)
                        _copy(source, copy)
                        sources[copy] = source
        if experiment.endswith((".yaml", ".yml")):
            copy = copies / EXPERIMENT / f"{_GIVEN}.yaml"
            sources[copy] = _existing(Path(experiment))
            _copy(sources[copy], copy)
            _make_experiment(copy)
            experiment = _GIVEN
        yield ConfigFiles(copies, sources, experiment)


def _existing(file: Path) -> Path:
    if not file.is_file():
        advice = suggest_path(file) or " Check the path."
        raise ConfigError(f"The experiment file '{file}' does not exist.{advice}")
    return file


def _copy(source: Path, copy: Path) -> None:
    try:
        text = read_text(source)
    except OSError as error:
        raise ConfigError(
            f"The config file '{source}' cannot be read: {error.strerror}."
        ) from error
    except ValueError as error:
        raise ConfigError(f"The config file '{source}': {error}.") from error
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text, encoding="utf-8")


def _make_experiment(copy: Path) -> None:
    """Turns a copy of the `config.yaml` of a run, which holds all groups, into an experiment."""
    text = copy.read_text(encoding="utf-8")
    tops = {line.partition(":")[0] for line in text.splitlines() if line[:1].isalpha()}
    if "@package" not in text and tops >= {each.name for each in fields(Settings)}:
        copy.write_text(f"# @package _global_\n{text}", encoding="utf-8")


def _line_of(file: Path, names: Sequence[str]) -> int:
    """Returns the line, from 1, in which a YAML file sets a key; 0 if it does not."""
    import yaml

    try:
        node: Any = yaml.compose(file.read_text(encoding="utf-8"), yaml.SafeLoader)
    except yaml.YAMLError:
        return 0
    line = 0
    for name in names:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = [(key, value) for key, value in pairs if key.value == name]
        if not found:
            return 0
        key, node = found[-1]
        line = key.start_mark.line + 1
    return line
