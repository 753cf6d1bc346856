"""The data set folder that `prepare` writes and every other command reads."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from capsule_inspect.classes import GOOD
from capsule_inspect.errors import DataError
from capsule_inspect.replacing import replace_text
from capsule_inspect.suggest import suggest_path

MANIFEST: Final = "manifest.csv"
DESCRIPTION: Final = "dataset.json"
SPLITS: Final = ("train", "val", "test")
_COLUMNS: Final = ("path", "label", "mask", "split", "fold", "sha256", "width", "height")


@dataclass(frozen=True)
class Sample:
    """One picture of a data set: one row of manifest.csv.

    Attributes:
        path: POSIX path relative to the data set's root.
        label: Class name.
        mask: POSIX path of the mask relative to the root; empty where there is none.
        split: `train`, `val` or `test`.
        fold: Cross-validation fold from 0; None without folds.
        sha256: Of the decoded pixels.
        width: Width in pixels.
        height: Height in pixels.
    """

    path: str
    label: str
    mask: str
    split: str
    fold: int | None
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class DataSet:
    """A data set folder: its samples, sorted by path, and what dataset.json says of them.

    Attributes:
        root: Folder the samples' paths are relative to.
        classes: Class names, `good` first, the rest sorted.
        samples: The rows of manifest.csv.
        seed: Seed of the split.
        source: Where the pictures came from, for people.
        licence: Licence note of the pictures.
        version: Version of the tool that wrote the folder.
    """

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    seed: int
    source: str
    licence: str
    version: str

    def count(self, label: str, split: str) -> int:
        """Returns how many pictures of a class a split holds."""
        return sum(s.label == label and s.split == split for s in self.samples)


def class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Returns the distinct labels as every file orders them: `good` first, the rest sorted."""
    return tuple(sorted(set(labels), key=lambda label: (label != GOOD, label)))


def _is_dataset(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def write_dataset(folder: Path, data: DataSet) -> None:
    """Writes dataset.json and manifest.csv.

    Each file appears whole or not at all, manifest.csv last, so that a folder with a manifest is
    complete. The same samples give the same manifest, byte for byte. A root inside `folder` is
    written relative to it, so that such a folder can be moved; any other root is absolute.

    Raises:
        OSError: The folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / DESCRIPTION, _description(folder, data))
    replace_text(folder / MANIFEST, _manifest(data.samples))


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
    description = _read_description(folder / DESCRIPTION)
    samples = _read_manifest(folder / MANIFEST)
    try:
        classes = tuple(str(name) for name in description["classes"])
        root = Path(data_root) if str(data_root) else folder / str(description["root"])
        data = DataSet(
            root=root.resolve(),
            classes=classes,
            samples=samples,
            seed=int(description["seed"]),
            source=str(description["source"]),
            licence=str(description["licence"]),
            version=str(description["tool_version"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"'{folder / DESCRIPTION}' is damaged ({error!r}). Prepare the data again."
        ) from error
    unknown = sorted({sample.label for sample in samples} - set(classes))
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


def training_sha256(data: DataSet) -> str:
    """Identifies the pictures of the training split: the hash of their sorted hashes."""
    return _sha256_of(sample for sample in data.samples if sample.split == "train")


def pictures_sha256(data: DataSet) -> str:
    """Identifies all pictures, whatever their split: `training_sha256` if all were in `train`."""
    return _sha256_of(data.samples)


def _sha256_of(samples: Iterable[Sample]) -> str:
    hashes = sorted(sample.sha256 for sample in samples)
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _description(folder: Path, data: DataSet) -> str:
    root, here = data.root.resolve(), folder.resolve()
    inside = root.is_relative_to(here)
    counts = Counter((sample.label, sample.split) for sample in data.samples)
    description = {
        "root": (root.relative_to(here) if inside else root).as_posix(),
        "classes": list(data.classes),
        "counts": {
            label: {split: counts[label, split] for split in SPLITS} for label in data.classes
        },
        "seed": data.seed,
        "source": data.source,
        "licence": data.licence,
        "tool_version": data.version,
    }
    return json.dumps(description, indent=2, sort_keys=True) + "\n"


def _manifest(samples: Iterable[Sample]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for sample in sorted(samples, key=lambda sample: sample.path):
        # The fields come in the columns' order; None, of a set without folds, becomes empty.
        writer.writerow(astuple(sample))
    return text.getvalue()


def _read_description(path: Path) -> Mapping[str, Any]:
    try:
        description = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"'{path}' is not JSON: {error}. Prepare the data again.") from error
    if not isinstance(description, dict):
        raise DataError(f"'{path}' does not hold a JSON object. Prepare the data again.")
    return description


def _read_manifest(path: Path) -> tuple[Sample, ...]:
    rows = csv.DictReader(io.StringIO(_read_text(path), newline=""), strict=True)
    samples: list[Sample] = []
    try:
        if tuple(rows.fieldnames or ()) != _COLUMNS:
            raise DataError(
                f"'{path}' does not start with the line {','.join(_COLUMNS)}. "
                "Prepare the data again."
            )
        for row in rows:
            samples.append(_sample(row))
    except (csv.Error, TypeError, ValueError) as error:
        raise DataError(
            f"'{path}' is damaged at line {rows.line_num}: {error}. Prepare the data again."
        ) from error
    if not samples:
        raise DataError(f"'{path}' lists no pictures. Prepare the data again.")
    return tuple(sorted(samples, key=lambda sample: sample.path))


def _sample(row: Mapping[str | None, Any]) -> Sample:
    """Reads one row.

    Raises:
        TypeError: The row has too few cells.
        ValueError: The row has too many, or a cell does not hold what it should.
    """
    if None in row or None in row.values():
        raise ValueError(f"a row does not have {len(_COLUMNS)} cells")
    if row["split"] not in SPLITS:
        raise ValueError(f"{row['split']!r} is no split")
    for name in ("path", "mask"):
        parts = PurePosixPath(row[name])
        if parts.is_absolute() or ".." in parts.parts:
            raise ValueError(f"{row[name]!r} leaves the data set's root")
    return Sample(
        path=row["path"],
        label=row["label"],
        mask=row["mask"],
        split=row["split"],
        fold=int(row["fold"]) if row["fold"] else None,
        sha256=row["sha256"],
        width=int(row["width"]),
        height=int(row["height"]),
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"'{path}' is not UTF-8 text. Prepare the data again.") from error
