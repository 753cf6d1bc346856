"""A folder per class, with or without a tree of masks that mirrors it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from capsule_inspect.choices import (
    GOOD,
    MASK_ENDING,
    MASK_FOLDERS,
    PICTURE_EXTENSIONS,
    SYSTEM_FOLDERS,
)
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture
from capsule_inspect.dataset.layouts.sound_class import means_good

_MASK_ENDINGS: Final = ("", MASK_ENDING)

_Masks: TypeAlias = dict[tuple[str, str], list[str]]
"""Paths of masks by class and name; the name includes the folders below the class."""


class FolderPerClass:
    """Class folders side by side, one of them `good` or a name that means the same.

    ```text
    good/a.png
    crack/b.jpg
    masks/crack/b.png          or masks/crack/b_mask.png, or crack/b.png beside crack/b.jpg
    ```
    """

    name = "folder per class"
    sign = f"folder `{GOOD}`"

    def matches(self, root: Path) -> bool:
        """Tells whether a folder has a folder `good`, or one of a name that means the same."""
        return any(means_good(folder.name) for folder in folders_in(root))

    def discover(self, root: Path) -> Discovery:
        """Finds its pictures and masks; see `discover_class_folders`."""
        return discover_class_folders(root, self.name, {".": True})


def discover_class_folders(root: Path, layout: str, parts: Mapping[str, bool]) -> Discovery:
    """Finds the pictures and masks of a folder that has folders named after classes.

    Files count by their extension, in any case. Hidden files and folders are left out, and so are a
    link to a folder that it lies in, and folders of thumbnails and waste.

    Args:
        root: The folder, absolute.
        layout: Name of its layout.
        parts: The folders that hold the class folders, relative to the root, each with whether its
            pictures can have masks; `.` is the root itself, and a missing folder is skipped.

    Raises:
        OSError: A folder cannot be listed.
    """
    present = {root / part: masked for part, masked in parts.items() if (root / part).is_dir()}
    masks = _list_masks(root)
    pictures = tuple(_find_pictures(root, present, masks))
    claimed = {mask for picture in pictures for mask in picture.masks}
    places = {root, *present}
    strays = (path for place in places for path in _entries(place) if _is_picture(path))
    return Discovery(
        root=root,
        layout=layout,
        pictures=pictures,
        stray_masks=tuple(sorted({mask for own in masks.values() for mask in own} - claimed)),
        stray_pictures=tuple(sorted(path.relative_to(root).as_posix() for path in strays)),
        kept_by_systems=tuple(_kept_by_systems(root)),
    )


def _kept_by_systems(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*")):
        within = path.relative_to(root)
        is_theirs = not SYSTEM_FOLDERS.isdisjoint(within.parts[:-1])
        if is_theirs and not path.name.startswith(".") and _is_picture(path):
            yield within.as_posix()


def folders_in(folder: Path) -> list[Path]:
    """Lists the folders in a folder that are not hidden, sorted."""
    return [path for path in _entries(folder) if path.is_dir()]


def has_pictures(folder: Path) -> bool:
    """Tells whether a picture lies in a folder or below."""
    return any(_walk(folder))


def _find_pictures(root: Path, parts: Mapping[Path, bool], masks: _Masks) -> Iterator[FoundPicture]:
    from capsule_inspect.imaging.masks_beside import find_masks_beside  # --help needs no NumPy

    for part, masked in parts.items():
        for folder in folders_in(part):
            if part == root and folder.name in MASK_FOLDERS:
                continue
            files = list(_walk(folder))
            beside = find_masks_beside(files) if masked else {}
            for path in files:
                if path in beside.values():
                    continue
                own = _masks_of(path, folder, masks) if masked else ()
                if path in beside:
                    own = (*own, beside[path].relative_to(root).as_posix())
                yield FoundPicture(path.relative_to(root).as_posix(), (folder.name,), own)


def _list_masks(root: Path) -> _Masks:
    masks: _Masks = {}
    for tree in MASK_FOLDERS:
        if not (root / tree).is_dir():
            continue
        for folder in folders_in(root / tree):
            for path in _walk(folder):
                key = folder.name, path.relative_to(folder).with_suffix("").as_posix()
                masks.setdefault(key, []).append(path.relative_to(root).as_posix())
    return masks


def _masks_of(picture: Path, folder: Path, masks: _Masks) -> tuple[str, ...]:
    name = picture.relative_to(folder).with_suffix("").as_posix()
    return tuple(mask for end in _MASK_ENDINGS for mask in masks.get((folder.name, name + end), []))


def _entries(folder: Path) -> list[Path]:
    """Lists what is neither hidden nor kept by systems, sorted."""
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name not in SYSTEM_FOLDERS
    )


def _is_picture(path: Path) -> bool:
    # A link to nowhere counts, so that it is reported instead of passed over.
    return path.suffix.lower() in PICTURE_EXTENSIONS and not path.is_dir()


def _walk(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Yields the pictures in a folder and below, but follows no link round in a circle."""
    real = folder.resolve()
    if real in above:
        return
    for path in _entries(folder):
        if path.is_dir():
            yield from _walk(path, above | {real})
        elif _is_picture(path):
            yield path
