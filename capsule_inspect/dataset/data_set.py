"""The data set folder that `prepare` writes and all other commands read."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.checks import require_bits
from capsule_inspect.choices import ANOMALY, GOOD, GOOD_OR_ANOMALY, SPLITS
from capsule_inspect.dataset.manifest import MANIFEST, Sample, read_manifest, write_manifest
from capsule_inspect.dataset.pixel_hash import hash_mask, hash_picture
from capsule_inspect.errors import DataError, PictureError
from capsule_inspect.files import write_json
from capsule_inspect.imaging.defect_mask import is_defect
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.read import read_mask, read_picture
from capsule_inspect.modelfile.strict_json import StrictObject, parse_object
from capsule_inspect.text import command_line, suggest_path

CORRECTED: Final = "corrected"
"""Folder of the pictures that corrections add, in the data set folder."""


@dataclass(frozen=True)
class DataSet:
    """A data set folder, in memory.

    Attributes:
        root: Folder that the paths of pictures are relative to.
        classes: Class names, `good` first, the rest sorted.
        samples: The rows of manifest.csv, sorted by path.
        seed: Seed of the split.
        source: Where the pictures came from, for people.
        licence: Licence note of the pictures.
        version: Version of the tool that wrote the folder.
        mask_root: Folder that the paths of masks are relative to; None if it is `root`.
        bits: The bits of 16 that the camera uses; None for what each file says, or 16.
        corrected_root: Folder that the paths of pictures in `CORRECTED` are relative to; None if no
            correction has added any.
        checks_pixels: Whether pictures and masks are held against their hashes when they are read.
            Those that `read_dataset` returns are; not those that have just been hashed.
    """

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    seed: int
    source: str
    licence: str
    version: str
    mask_root: Path | None = None
    bits: int | None = None
    corrected_root: Path | None = None
    checks_pixels: bool = field(default=False, compare=False)

    def of_split(self, split: str) -> tuple[Sample, ...]:
        """Returns the pictures of `train`, `val` or `test`, sorted by path."""
        return tuple(sample for sample in self.samples if sample.split == split)

    def count(self, label: str, split: str) -> int:
        """Counts the pictures of a class in a split."""
        return sum(sample.label == label for sample in self.of_split(split))

    @property
    def parts(self) -> frozenset[str]:
        """The parts that pictures show, as `data.group` found them; empty if it found none."""
        return frozenset(sample.group for sample in self.samples if sample.group)

    def read_picture(self, sample: Sample) -> Picture:
        """Reads the picture of a sample: uint8 RGB, [H, W, 3].

        Raises:
            PictureError: The picture cannot be read.
            DataError: Its pixels are not those that were prepared.
        """
        file = self._file_of(sample)
        if not file.exists():
            raise PictureError(
                f"The picture '{sample.path}' of the data set is not in '{self.root}'. If the "
                "pictures have moved, name their folder with --data-root."
            )
        picture = read_picture(file, bits=self.bits)
        if self.checks_pixels and hash_picture(picture) != sample.sha256:
            raise _changed(f"The picture '{sample.path}'")
        return picture

    def _file_of(self, sample: Sample) -> Path:
        root = self.corrected_root if sample.path.startswith(f"{CORRECTED}/") else None
        return (root or self.root) / sample.path

    def read(self, sample: Sample) -> tuple[Picture, NDArray[np.bool_] | None]:
        """Reads the picture of a sample and its true mask.

        Returns:
            The picture, uint8 RGB [H, W, 3], and which of its pixels are defect, bool [H, W]. The
            mask of a good picture is empty; None stands for a defect without a mask.

        Raises:
            PictureError: The picture or its mask cannot be read.
            DataError: The pixels of either are not those that were prepared, or the mask is not of
                the picture's size, so it belongs to another picture.
        """
        picture = self.read_picture(sample)
        height, width, _ = picture.shape
        return picture, self._read_mask(sample, (height, width))

    def _read_mask(self, sample: Sample, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
        if not sample.mask:
            return np.zeros(shape, np.bool_) if sample.label == GOOD else None
        mask = read_mask((self.mask_root or self.root) / sample.mask)
        if mask.shape != shape:
            raise DataError(
                f"The mask '{sample.mask}' is not of the size of its picture '{sample.path}': "
                f"{mask.shape} against {shape}. Prepare the data again, or check --data-root."
            )
        known = self.checks_pixels and sample.mask_sha256  # older manifests have no hash
        if known and hash_mask(mask) != known:
            raise _changed(f"The mask '{sample.mask}'")
        return is_defect(mask)

    @property
    def training_sha256(self) -> str:
        """Hash of the sorted hashes of the training pictures; it identifies them."""
        return hash_of_pictures(self.of_split("train"))

    @property
    def pictures_sha256(self) -> str:
        """Hash of the sorted hashes of all pictures: `training_sha256` if all are in `train`."""
        return hash_of_pictures(self.samples)

    @property
    def data_sha256(self) -> str:
        """Hash of all that a run learns from: pictures, labels, splits, folds, masks, groups."""
        rows = sorted(
            f"{s.sha256} {s.label} {s.split} {s.fold} {s.mask_sha256} {s.group}\n"
            for s in self.samples
        )
        return hashlib.sha256("".join(rows).encode()).hexdigest()


def _changed(subject: str) -> DataError:
    return DataError(
        f"{subject} has changed since the data set was prepared: its label, its split and all "
        "figures are of other pixels. Prepare the data again, or check --data-root."
    )


def class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Returns the distinct labels in the order of all files: `good` first, the rest sorted."""
    return tuple(sorted(set(labels), key=lambda label: (label != GOOD, label)))


def as_known_to(data: DataSet, classes: tuple[str, ...]) -> DataSet:
    """Returns a data set with the classes that a model tells apart.

    Args:
        data: The data set.
        classes: Class names of the model. To one that has seen good pictures alone, every defect is
            an anomaly.
    """
    if classes != GOOD_OR_ANOMALY or ANOMALY in data.classes:
        return data
    samples = (
        sample if sample.label == GOOD else replace(sample, label=ANOMALY)
        for sample in data.samples
    )
    return replace(data, classes=classes, samples=tuple(samples))


def hash_of_pictures(samples: Iterable[Sample]) -> str:
    """Returns the hash of the sorted hashes of pictures; it identifies them."""
    hashes = sorted(sample.sha256 for sample in samples)
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


DESCRIPTION: Final = "dataset.json"
MASKS: Final = "masks"
"""Folder of the masks that `prepare` makes, in the data set folder."""


def write_dataset(folder: Path, data: DataSet) -> None:
    """Writes dataset.json and manifest.csv.

    Each file appears whole or not at all. manifest.csv comes last, so a folder with a manifest is
    complete. The same samples give the same manifest, byte for byte. A root inside `folder` is
    written relative to it, so such a folder can be moved; any other root is absolute.

    Raises:
        OSError: The folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / DESCRIPTION, _describe(folder, data))
    write_manifest(folder / MANIFEST, data.samples)


def _describe(folder: Path, data: DataSet) -> dict[str, Any]:
    others = {"mask_root": data.mask_root, "corrected_root": data.corrected_root}
    return {
        "root": _place(folder, data.root),
        **{name: _place(folder, root) for name, root in others.items() if root is not None},
        "classes": list(data.classes),
        "counts": {
            label: {split: data.count(label, split) for split in SPLITS} for label in data.classes
        },
        "seed": data.seed,
        "source": data.source,
        "licence": data.licence,
        "tool_version": data.version,
        **({} if data.bits is None else {"bits": data.bits}),
    }


def _place(folder: Path, root: Path) -> str:
    """Returns a root as dataset.json has it: relative to the data set folder if inside it."""
    root, here = root.resolve(), folder.resolve()
    return (root.relative_to(here) if root.is_relative_to(here) else root).as_posix()


_KEYS: Final = frozenset({"root", "classes", "seed", "source", "licence", "tool_version"})


def read_dataset(folder: Path, data_root: Path | str = "") -> DataSet:
    """Reads a data set folder.

    Args:
        folder: A folder written by `write_dataset`.
        data_root: Folder where the pictures are now, in place of the root in dataset.json; empty if
            they have not moved.

    Returns:
        The data set, with absolute roots.

    Raises:
        DataError: It is not a data set folder, is damaged, or the root of its pictures is missing.
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
    _refuse_copies_across_splits(folder / MANIFEST, data.samples)
    if not data.root.is_dir():
        raise DataError(
            f"The pictures of '{folder}' should be in '{data.root}', which does not exist. "
            f"If they moved, name their new folder with --data-root.{suggest_path(data.root)}"
        )
    return data


def _refuse_copies_across_splits(manifest: Path, samples: Iterable[Sample]) -> None:
    """Raises DataError if a picture is in two splits: every figure would be too good."""
    seen: dict[str, Sample] = {}
    for sample in samples:
        first = seen.setdefault(sample.sha256, sample)
        if (first.split, first.fold) != (sample.split, sample.fold):
            raise DataError(
                f"'{manifest}' has one picture in two splits or folds: '{first.path}' and "
                f"'{sample.path}' are the same to the pixel. Take one of them out, or prepare the "
                "data again."
            )


def _require_files(folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(
            f"There is no data set folder '{folder}'.{suggest_path(folder, _is_dataset)} "
            f"Name one with --data FOLDER, or make it: {command_line('prepare', 'SOURCE', folder)}"
        )
    if not (folder / MANIFEST).is_file() or not (folder / DESCRIPTION).is_file():
        raise DataError(
            f"'{folder}' is not a data set folder: it lacks {MANIFEST} or {DESCRIPTION}. "
            f"Make one with `{command_line('prepare', 'SOURCE', folder)}`."
        )


def _is_dataset(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def _read_description(path: Path, samples: tuple[Sample, ...]) -> DataSet:
    try:
        document = parse_object(path.read_bytes())
        # Keys that a later version adds do no harm.
        fields = StrictObject({key: document[key] for key in _KEYS & set(document)}, "", _KEYS)
        others = {
            key: _root(path, key, document[key])
            for key in ("mask_root", "corrected_root")
            if document.get(key) is not None
        }
        return DataSet(
            root=_root(path, "root", fields["root"]),
            classes=_classes(fields),
            samples=samples,
            seed=fields.count("seed", low=0),
            source=fields.text("source"),
            licence=fields.text("licence"),
            version=fields.text("tool_version"),
            bits=None if document.get("bits") is None else _bits(document),
            checks_pixels=True,
            **others,
        )
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"'{path}' is damaged: {error}. Prepare the data again.") from error


def _root(description: Path, key: str, value: object) -> Path:
    """Reads a folder: any text, because a folder may have a name that no message can show."""
    if not isinstance(value, str):
        raise ValueError(f"`{key}` is not a text")
    return (description.parent / value).resolve()


def _bits(document: Mapping[str, object]) -> int:
    bits = StrictObject({"bits": document["bits"]}, "", frozenset({"bits"})).count("bits", low=0)
    require_bits("`bits`", bits)
    return bits


def _classes(fields: StrictObject) -> tuple[str, ...]:
    """Reads `classes`. Unlike a model's, they may be only `good`, to measure false alarms."""
    classes = fields.texts("classes")
    if classes[:1] != (GOOD,):
        raise ValueError("`classes` does not start with `good`")
    if len(set(classes)) != len(classes):
        raise ValueError("`classes` names a class twice")
    return classes
