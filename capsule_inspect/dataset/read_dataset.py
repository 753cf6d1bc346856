"""Reading a data set folder."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from capsule_inspect.classes import GOOD
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import MANIFEST, read_manifest
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.dataset.write_dataset import DESCRIPTION
from capsule_inspect.errors import DataError
from capsule_inspect.modelfile.fields import Fields, parse_object
from capsule_inspect.suggest import suggest_path

_KEYS: Final = frozenset({"root", "classes", "seed", "source", "licence", "tool_version"})


def read_dataset(folder: Path, data_root: Path | str = "") -> DataSet:
    """Reads a data set folder.

    Args:
        folder: A folder written by `write_dataset`.
        data_root: Where the pictures are now; unless empty, overrides the root in dataset.json.

    Returns:
        The data set, its root absolute.

    Raises:
        DataError: The folder is none of ours, damaged, or its pictures' root is not there.
    """
    _require_files(folder)
    data = _read_description(folder / DESCRIPTION, read_manifest(folder / MANIFEST))
    if str(data_root):
        data = replace(data, root=Path(data_root).resolve())
    unknown = sorted({sample.label for sample in data.samples} - set(data.classes))
    if unknown:
        raise DataError(
            f"'{folder / MANIFEST}' has labels that {DESCRIPTION} does not name: "
            f"{', '.join(unknown)}. Prepare the data again."
        )
    if not data.root.is_dir():
        raise DataError(
            f"The pictures of '{folder}' should be in '{data.root}', which is not there. "
            f"If they moved, say where to with --data-root.{suggest_path(data.root)}"
        )
    return data


def _require_files(folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(
            f"There is no data set folder '{folder}'.{suggest_path(folder, _is_dataset)} "
            f"Name one with data.dir=FOLDER, or make it: capsule-inspect prepare SOURCE {folder}"
        )
    if not (folder / MANIFEST).is_file() or not (folder / DESCRIPTION).is_file():
        raise DataError(
            f"'{folder}' is not a data set folder: it lacks {MANIFEST} or {DESCRIPTION}. "
            f"Make one with `capsule-inspect prepare SOURCE {folder}`."
        )


def _is_dataset(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def _read_description(path: Path, samples: tuple[Sample, ...]) -> DataSet:
    try:
        document = parse_object(path.read_bytes())
        # What else it says, such as by a later version, is nobody's harm.
        fields = Fields({key: document[key] for key in _KEYS & set(document)}, "", _KEYS)
        return DataSet(
            root=(path.parent / _root(fields)).resolve(),
            classes=_classes(fields),
            samples=samples,
            seed=fields.count("seed", low=0),
            source=fields.text("source"),
            licence=fields.text("licence"),
            version=fields.text("tool_version"),
        )
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"'{path}' is damaged: {error}. Prepare the data again.") from error


def _root(fields: Fields) -> str:
    """Reads `root`: any text, for a folder's name may hold what no message could show."""
    root = fields["root"]
    if not isinstance(root, str):
        raise ValueError("`root` is not a text")
    return root


def _classes(fields: Fields) -> tuple[str, ...]:
    """Reads `classes`: unlike a model's, they may be `good` alone, to measure false alarms on."""
    classes = fields.texts("classes")
    if classes[:1] != (GOOD,):
        raise ValueError("`classes` does not start with `good`")
    if len(set(classes)) != len(classes):
        raise ValueError("`classes` names a class twice")
    return classes
