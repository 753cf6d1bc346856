"""The layout of MVTec AD (Bergmann et al., 2021)."""

from pathlib import Path

from capsule_inspect.choices import split_of
from capsule_inspect.dataset.layouts.discovery import Discovery
from capsule_inspect.dataset.layouts.folders import discover_class_folders, folders_in


class MvtecAd:
    """Class folders in `train` and `test`; their own split is dropped.

    ```text
    train/good/000.png
    test/good/000.png
    test/crack/000.png
    ground_truth/crack/000_mask.png
    ```
    """

    name = "MVTec AD"
    sign = "folder `train` or `test`"

    def matches(self, root: Path) -> bool:
        """Tells whether a folder has a folder `train` or `test`."""
        return bool({split_of(folder.name) for folder in folders_in(root)} & {"train", "test"})

    def discover(self, root: Path) -> Discovery:
        """Finds its pictures and masks, none in `train`; see `discover_class_folders`."""
        splits = {folder.name: split_of(folder.name) for folder in folders_in(root)}
        parts = {name: split != "train" for name, split in splits.items() if split}
        return discover_class_folders(root, self.name, parts)
