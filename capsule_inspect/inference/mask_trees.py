"""Masks among the pictures of a folder: predicting on them would find defects that nobody made."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from capsule_inspect.choices import MASK_ENDING, is_mask_folder
from capsule_inspect.imaging.masks_beside import find_masks_beside


def split_masks(
    folder: Path, files: Iterable[Path], look_into: bool = True
) -> tuple[list[Path], list[Path]]:
    """Parts the pictures in a folder from their masks.

    A mask lies in a folder such as `masks` or `ground_truth`, and a picture of its name lies beside
    that folder, at the same place: `good/a.png` or `test/good/a.png` for `masks/good/a_mask.png`.
    Or it lies beside its picture, as `find_masks_beside` tells.

    Args:
        folder: The folder.
        files: Pictures and masks in it.
        look_into: Whether the files can be read, to tell those that lie beside their pictures.

    Returns:
        The pictures and the masks, each in the order given.
    """
    placed = [(file, file.relative_to(folder).parts) for file in files]
    trees = {parts[:depth] for _, parts in placed if (depth := _depth(parts)) is not None}
    names = {
        (parts[:length], _name(parts[length + below :]))
        for _, parts in placed
        if _depth(parts) is None
        for length in range(len(parts))
        if parts[:length] in trees
        for below in (0, 1)
    }
    beside = set(find_masks_beside([file for file, _ in placed]).values()) if look_into else set()
    pictures: list[Path] = []
    masks: list[Path] = []
    for file, parts in placed:
        depth = _depth(parts)
        in_tree = depth is not None and (parts[:depth], _name(parts[depth + 1 :])) in names
        (masks if in_tree or file in beside else pictures).append(file)
    return pictures, masks


def _depth(parts: Sequence[str]) -> int | None:
    """Returns the place of the folder of masks in a path, if it has one."""
    return next((place for place, part in enumerate(parts[:-1]) if is_mask_folder(part)), None)


def _name(parts: Sequence[str]) -> tuple[str, ...]:
    """Returns a path without its extension and the ending of a mask."""
    return (*parts[:-1], PurePath(parts[-1]).stem.removesuffix(MASK_ENDING)) if parts else ()
