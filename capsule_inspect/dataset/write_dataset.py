"""Writing a data set folder."""

from pathlib import Path
from typing import Any, Final

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import MANIFEST, format_manifest
from capsule_inspect.dataset.sample import SPLITS
from capsule_inspect.replacing import replace_json, replace_text

DESCRIPTION: Final = "dataset.json"


def write_dataset(folder: Path, data: DataSet) -> None:
    """Writes dataset.json and manifest.csv.

    Each file appears whole or not at all, manifest.csv last, so that a folder with a manifest is
    complete. The same samples give the same manifest, byte for byte. A root inside `folder` is
    written relative to it, so that such a folder can be moved; any other root is absolute.

    Raises:
        OSError: The folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    replace_json(folder / DESCRIPTION, _describe(folder, data))
    replace_text(folder / MANIFEST, format_manifest(data.samples))


def _describe(folder: Path, data: DataSet) -> dict[str, Any]:
    root, here = data.root.resolve(), folder.resolve()
    inside = root.is_relative_to(here)
    return {
        "root": (root.relative_to(here) if inside else root).as_posix(),
        "classes": list(data.classes),
        "counts": {
            label: {split: data.count(label, split) for split in SPLITS} for label in data.classes
        },
        "seed": data.seed,
        "source": data.source,
        "licence": data.licence,
        "tool_version": data.version,
    }
