"""What is found in a folder of pictures, whatever its layout."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FoundPicture:
    """A picture, its label, and where its masks are.

    Attributes:
        path: POSIX path relative to the root.
        label: Class name.
        masks: POSIX paths of the files that could be its mask; there should be one at most.
    """

    path: str
    label: str
    masks: tuple[str, ...]


@dataclass(frozen=True)
class Discovery:
    """What a folder of pictures holds.

    Attributes:
        root: The folder, absolute.
        layout: Name of the layout, for people.
        pictures: All pictures, sorted by path.
        stray_masks: POSIX paths of masks whose picture is not there, sorted.
        stray_pictures: POSIX paths of pictures that lie in no class folder, sorted.
    """

    root: Path
    layout: str
    pictures: tuple[FoundPicture, ...]
    stray_masks: tuple[str, ...]
    stray_pictures: tuple[str, ...]
