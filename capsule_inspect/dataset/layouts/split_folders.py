"""Class folders in a folder for each split, as Keras, YOLO and ImageNet lay them out."""

from dataclasses import replace
from pathlib import Path

from capsule_inspect.choices import plain_name, split_of
from capsule_inspect.dataset.layouts.discovery import Discovery
from capsule_inspect.dataset.layouts.folders import (
    discover_class_folders,
    folders_in,
    keeps_split,
)


class SplitFolders:
    """Class folders in `train` and `val`, perhaps also in `test`; this split is kept.

    It is not if `train` has none of the defects, since nothing could be learned of them.

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
        folders = folders_in(root)
        parts = {split_of(each.name): each for each in folders if split_of(each.name)}
        if "train" not in parts or "val" in parts:
            return "train" in parts
        is_mvtec = "groundtruth" in {plain_name(each.name) for each in folders}
        return len(folders_in(parts["train"])) > 1 and not is_mvtec

    def discover(self, root: Path) -> Discovery:
        """Finds its pictures and masks, each picture with its split."""
        parts = {each.name: True for each in folders_in(root) if split_of(each.name)}
        found = discover_class_folders(root, self.name, parts)
        pictures = tuple(
            replace(each, split=split_of(each.path.partition("/")[0])) for each in found.pictures
        )
        return replace(found, pictures=pictures, is_split=keeps_split(pictures))
