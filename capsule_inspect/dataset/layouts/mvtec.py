"""The layout of MVTec AD (Bergmann et al., 2021)."""

from pathlib import Path
from typing import Final

from capsule_inspect.dataset.layouts.discovery import Discovery
from capsule_inspect.dataset.layouts.folders import discover_class_folders, folders_in

_PARTS: Final = {"train": False, "test": True}
"""The folders of class folders; only those of `test` have masks."""


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
        return not _PARTS.keys().isdisjoint(folder.name for folder in folders_in(root))

    def discover(self, root: Path) -> Discovery:
        """Finds its pictures and masks; see `discover_class_folders`."""
        return discover_class_folders(root, self.name, _PARTS)
