"""The result of discovering a folder: its pictures with their labels and masks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from capsule_inspect.choices import GOOD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MakeMask: TypeAlias = Callable[[int, int], "NDArray[np.bool_]"]
"""Makes the mask of a picture from its height and width: bool [H, W], True on defect.

Raises `DataError` or `PictureError`, with a sentence, if the annotation is damaged.
"""


@dataclass(frozen=True)
class FoundPicture:
    """A picture, its labels and its mask.

    Annotations of regions can give one picture several classes. All are kept here, so that
    `prepare` can warn of it; the data set has the first.

    Attributes:
        path: POSIX path relative to the root.
        labels: Class names, the one to use first.
        masks: POSIX paths, relative to the root, of the files that could be its mask. More than one
            is a problem.
        make_mask: Makes its mask, where annotations take the place of mask files.
        split: `train`, `val` or `test`, where the folder says which; else empty.
        problem: Why its annotations cannot be used, as a sentence; it has no labels then. Its path
            is what the annotations call it, if there is no such file.
    """

    path: str
    labels: tuple[str, ...]
    masks: tuple[str, ...] = ()
    make_mask: MakeMask | None = None
    split: str = ""
    problem: str = ""

    @property
    def label(self) -> str:
        """The class that the data set gives the picture; empty without labels."""
        return self.labels[0] if self.labels else ""

    @property
    def has_mask(self) -> bool:
        """Whether there is a mask, or there are annotations to make one from."""
        return bool(self.masks) or self.make_mask is not None


@dataclass(frozen=True)
class Discovery:
    """All pictures of a folder.

    Attributes:
        root: The folder, absolute.
        layout: Name of its layout, for people.
        pictures: The pictures; a layout may give them in any order.
        stray_masks: POSIX paths of masks without a picture.
        stray_pictures: POSIX paths of pictures without a label.
        kept_by_systems: POSIX paths of pictures in folders such as `@eaDir`, which are left out.
        sound_class: What the folder calls the class `good`.
        is_split: Whether the splits of the pictures are kept unless another is asked for.
        mask_endings: The endings by which masks are called otherwise than their pictures, besides
            `_mask`.
    """

    root: Path
    layout: str
    pictures: tuple[FoundPicture, ...]
    stray_masks: tuple[str, ...] = ()
    stray_pictures: tuple[str, ...] = ()
    kept_by_systems: tuple[str, ...] = ()
    sound_class: str = GOOD
    is_split: bool = False
    mask_endings: tuple[str, ...] = ()
