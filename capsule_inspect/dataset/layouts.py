"""Find the pictures, classes and masks of a folder in a known layout."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from capsule_inspect.choices import GOOD
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.imaging.picture import PICTURE_EXTENSIONS
from capsule_inspect.text import suggest_path


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


_MASK_TREES: Final = ("ground_truth", "masks")
_MASK_ENDING: Final = "_mask"


@dataclass(frozen=True)
class _Layout:
    """Where the folders of classes are.

    Attributes:
        name: For people.
        parts: The folders that hold them, relative to the root (`.` is the root itself), each with
            whether its pictures can have masks.
    """

    name: str
    parts: Mapping[str, bool]

    def parts_in(self, root: Path) -> dict[Path, bool]:
        """Returns those of the parts that are there."""
        paths = {root / part: masked for part, masked in self.parts.items()}
        return {path: masked for path, masked in paths.items() if path.is_dir()}


_BY_CLASS: Final = _Layout("folder per class", {".": True})
_MVTEC: Final = _Layout("MVTec AD", {"train": False, "test": True})


def discover(source: Path) -> Discovery:
    """Finds the pictures of a folder in one of the layouts above.

    Files count by their extension, in any case. Hidden files and folders are left out, and so is a
    link to a folder it lies in.

    Raises:
        UsageError: The source is not a folder.
        DataError: The folder has none of the layouts, no class `good`, or cannot be listed.
    """
    try:
        if not source.exists():
            raise UsageError(
                f"'{source}' does not exist.{suggest_path(source)} "
                "Give a folder, or the word `drawn`."
            )
        if not source.is_dir():
            raise UsageError(f"'{source}' is a file. Give a folder; unpack an archive first.")
        return _discover(source.resolve(), source)
    except OSError as error:
        raise DataError(f"'{error.filename}' cannot be listed: {error.strerror}.") from error


def _discover(root: Path, source: Path) -> Discovery:
    layout = _find_layout(root, source)
    masks = _masks(root)
    pictures = tuple(sorted(_found(root, layout, masks), key=lambda picture: picture.path))
    labels = {picture.label for picture in pictures}
    if GOOD not in labels:
        raise DataError(
            f"'{source}' holds no pictures of the class `{GOOD}`, which every data set needs. "
            f"{_listing('It has pictures of', labels)}"
        )
    claimed = {mask for picture in pictures for mask in picture.masks}
    return Discovery(
        root=root,
        layout=layout.name,
        pictures=pictures,
        stray_masks=tuple(sorted({m for many in masks.values() for m in many} - claimed)),
        stray_pictures=_stray_pictures(root, layout),
    )


def _find_layout(root: Path, source: Path) -> _Layout:
    names = {folder.name for folder in _folders(root)}
    if GOOD in names:
        return _BY_CLASS
    if names & _MVTEC.parts.keys():
        return _MVTEC
    raise DataError(_no_layout(root, source))


def _found(
    root: Path, layout: _Layout, masks: dict[tuple[str, str], list[str]]
) -> Iterator[FoundPicture]:
    for part, masked in layout.parts_in(root).items():
        for folder in _folders(part):
            if part == root and folder.name in _MASK_TREES:
                continue
            for path in _pictures(folder):
                own = _masks_of(path, folder, masks) if masked else ()
                yield FoundPicture(path.relative_to(root).as_posix(), folder.name, own)


def _stray_pictures(root: Path, layout: _Layout) -> tuple[str, ...]:
    """Lists the pictures that lie beside the folders of classes instead of in one."""
    places = {root, *layout.parts_in(root)}
    strays = (path for place in places for path in _entries(place) if _is_picture(path))
    return tuple(sorted(path.relative_to(root).as_posix() for path in strays))


def _masks(root: Path) -> dict[tuple[str, str], list[str]]:
    """Lists all masks by class and name, the name with the folders above it in the class."""
    masks: dict[tuple[str, str], list[str]] = {}
    for tree in _MASK_TREES:
        if not (root / tree).is_dir():
            continue
        for folder in _folders(root / tree):
            for path in _pictures(folder):
                key = folder.name, path.relative_to(folder).with_suffix("").as_posix()
                masks.setdefault(key, []).append(path.relative_to(root).as_posix())
    return masks


def _masks_of(
    picture: Path, folder: Path, masks: dict[tuple[str, str], list[str]]
) -> tuple[str, ...]:
    name = picture.relative_to(folder).with_suffix("").as_posix()
    endings = ("", _MASK_ENDING)
    return tuple(mask for end in endings for mask in masks.get((folder.name, name + end), []))


def _no_layout(root: Path, source: Path) -> str:
    """Says what is wrong with a folder of no known layout, and what to give instead."""
    for folder in _folders(root):
        inner = {below.name for below in _folders(folder)}
        if GOOD in inner or any(_has_good(folder / name) for name in inner & _MVTEC.parts.keys()):
            return (
                f"'{source}' is not a data set itself, but the folder '{folder.name}' in it is one."
                f" Give '{source / folder.name}'."
            )
    classes = [folder.name for folder in _folders(root) if any(_pictures(folder))]
    return (
        f"'{source}' has neither a folder `{GOOD}` (a folder per class) nor `train/{GOOD}` and "
        f"`test` (MVTec AD). {_listing('Folders with pictures in it:', classes)}"
    )


def _has_good(folder: Path) -> bool:
    return any(below.name == GOOD for below in _folders(folder))


def _listing(start: str, names: Iterable[str]) -> str:
    listed = ", ".join(sorted(names))
    return f"{start} {listed}." if listed else "It has no folders with pictures."


def _entries(folder: Path) -> list[Path]:
    """Lists what is not hidden, sorted."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _folders(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_dir()]


def _is_picture(path: Path) -> bool:
    # A link to nowhere counts, so that it is reported instead of passed over.
    return path.suffix.lower() in PICTURE_EXTENSIONS and not path.is_dir()


def _pictures(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Yields the pictures in a folder and below, but follows no link round in a circle."""
    real = folder.resolve()
    if real in above:
        return
    for path in _entries(folder):
        if path.is_dir():
            yield from _pictures(path, above | {real})
        elif _is_picture(path):
            yield path
