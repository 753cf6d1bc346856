"""Class folders in a folder for each split, as Keras, YOLO and ImageNet lay them out."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from capsule_inspect.dataset.layouts.discovery import Discovery
from capsule_inspect.dataset.layouts.folders import discover_class_folders, folders_in

_SPLITS: Final = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""The names of the folders, and the split that each stands for."""


class SplitFolders:
    """Class folders in `train` and `val`, perhaps also in `test`; this split is kept.

    ```text
    train/good/a.png
    train/crack/b.png
    val/crack/c.png
    masks/crack/b.png
    ```

    `train` and `test` alone are this layout if `train` holds defects; MVTec AD's does not.
    """

    name = "split folders"
    sign = "folder `train` and `val`"

    def matches(self, root: Path) -> bool:
        """Tells whether a folder is split so."""
        parts = {_SPLITS[each.name]: each for each in folders_in(root) if each.name in _SPLITS}
        if "train" not in parts or "val" in parts:
            return "train" in parts
        is_mvtec = "ground_truth" in {each.name for each in folders_in(root)}
        return len(folders_in(parts["train"])) > 1 and not is_mvtec

    def discover(self, root: Path) -> Discovery:
        """Finds its pictures and masks, each picture with its split."""
        found = discover_class_folders(root, self.name, dict.fromkeys(_SPLITS, True))
        pictures = tuple(
            replace(each, split=_SPLITS[each.path.partition("/")[0]]) for each in found.pictures
        )
        return replace(found, pictures=pictures, is_split=True)
