"""A folder per class, with or without a tree of masks that mirrors it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from capsule_inspect.choices import (
    GOOD,
    MASK_ENDING,
    PICTURE_EXTENSIONS,
    is_mask_folder,
    is_system_folder,
    plain_name,
    split_of,
)
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture
from capsule_inspect.dataset.layouts.mask_names import (
    MASK_ENDINGS,
    find_class_endings,
    find_ending,
)
from capsule_inspect.dataset.layouts.sound_class import means_good

_ALSO_MASKS: Final = frozenset({"annotations", "labels"})
"""Further names of folders of masks; among pictures that are no data set, they mean nothing."""

_Names: TypeAlias = tuple[str, ...]
"""The parts of a path relative to the root."""
_Masks: TypeAlias = dict[tuple[_Names, _Names], list[_Names]]
"""Masks by the folder of their tree, and by their place in the tree, without extension."""


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
        """Finds its pictures and masks; see `discover_class_folders`.

        `good/train/a.png` has a split, which is kept if all pictures have one. Folders such as
        `train/good` beside the classes hold none; their pictures are left out and counted.
        """
        found = discover_class_folders(root, self.name, {".": True})
        splits = {folder.name for folder in folders_in(root) if _is_split_by_itself(folder)}
        own = [each for each in found.pictures if each.path.split("/")[0] not in splits]
        others = {each.path for each in found.pictures} - {each.path for each in own}
        pictures = tuple(replace(each, split=split_of(each.path.split("/")[1])) for each in own)
        return replace(
            found,
            pictures=pictures,
            stray_pictures=tuple(sorted({*found.stray_pictures, *others})),
            is_split=keeps_split(pictures),
        )


def _is_split_by_itself(folder: Path) -> bool:
    return bool(split_of(folder.name)) and any(means_good(sub.name) for sub in folders_in(folder))


def keeps_split(pictures: Collection[FoundPicture]) -> bool:
    """Tells whether the split of a folder is kept.

    All its pictures have one then, and those of defects, if there are any, are among `train`.
    """
    labelled = tuple(each for each in pictures if each.label)
    has_defects = any(not means_good(each.label) for each in labelled)
    labels_to_train_on = {each.label for each in labelled if each.split == "train"}
    return all(each.split for each in pictures) and (not has_defects or len(labels_to_train_on) > 1)


def discover_class_folders(root: Path, layout: str, parts: Mapping[str, bool]) -> Discovery:
    """Finds the pictures and masks of a folder that has folders named after classes.

    Files count by their extension, in any case. Hidden files and folders are left out, and so are a
    link to a folder that it lies in, and folders of thumbnails and waste. Each other picture is one
    of a class, a mask, or a stray.

    Masks lie in a folder `masks` or the like, as their pictures do beside it: `masks/crack/a.png`,
    `masks/train/crack/a.png` and `train/crack/masks/a.png` are masks of `train/crack/a.png`. So is
    `masks/a.png`, if no other picture has that name.

    Args:
        root: The folder, absolute.
        layout: Name of its layout.
        parts: The folders that hold the class folders, relative to the root, each with whether its
            pictures can have masks; `.` is the root itself.

    Raises:
        OSError: A folder cannot be listed.
    """
    files = [path.relative_to(root).parts for path in _walk(root)]
    places = {Path(part).parts: masked for part, masked in parts.items()}
    classes = frozenset(_classes_called_masks(files, places))
    masks: _Masks = defaultdict(list)
    pictures: dict[_Names, list[_Names]] = defaultdict(list)
    strays: list[_Names] = []
    for names in files:
        depth = _mask_depth(names, classes)
        part = _part_of(names, places)
        if depth is not None:
            masks[names[:depth], _without_extension(names[depth + 1 :])].append(names)
        elif part is None or len(names) < len(part) + 2:
            strays.append(names)
        else:
            pictures[names[: len(part) + 1]].append(names)
    masked = {folder: files for folder, files in pictures.items() if places[folder[:-1]]}
    endings = _Endings.of(masks, masked)
    found = tuple(_with_masks(root, pictures, masks, masked, endings))
    claimed = {mask for picture in found for mask in picture.masks}
    return Discovery(
        root=root,
        layout=layout,
        pictures=found,
        stray_masks=tuple(sorted({*map(_posix, _all(masks))} - claimed)),
        stray_pictures=tuple(sorted(map(_posix, strays))),
        kept_by_systems=tuple(_kept_by_systems(root)),
        mask_endings=endings.unusual,
    )


@dataclass(frozen=True)
class _Endings:
    """The endings of masks that are called otherwise than their pictures.

    Attributes:
        shared: The one that all have; empty without one.
        of_class: That of each class, where masks are called after their class.
    """

    shared: str
    of_class: Mapping[str, str]

    @staticmethod
    def of(masks: "_Masks", pictures: Mapping[_Names, list[_Names]]) -> "_Endings":
        called = {place[-1] for _, place in masks}
        stems = {Path(names[-1]).stem for files in pictures.values() for names in files}
        shared = find_ending(called, stems)
        classes = {folder[-1] for folder in pictures}
        return _Endings(shared, {} if shared else find_class_endings(called, stems, classes))

    def known_to(self, label: str) -> tuple[str, ...]:
        """Returns the endings that a mask of a class can have."""
        found = (self.shared, self.of_class.get(label, ""))
        return (*MASK_ENDINGS, *(ending for ending in found if ending))

    @property
    def unusual(self) -> tuple[str, ...]:
        """The endings that a person is told of."""
        found = (self.shared, *self.of_class.values())
        return tuple(sorted({ending for ending in found if ending}))


def holds_masks(folder: str) -> bool:
    """Tells whether a folder of this name in a data set holds masks."""
    return is_mask_folder(folder) or plain_name(folder) in _ALSO_MASKS


def _mask_depth(names: _Names, classes: frozenset[_Names]) -> int | None:
    """Returns the place of the folder of masks in a path, if it has one."""
    depths = (depth for depth, name in enumerate(names[:-1]) if holds_masks(name))
    return next((depth for depth in depths if names[: depth + 1] not in classes), None)


def _part_of(names: _Names, places: Iterable[_Names]) -> _Names | None:
    return next((place for place in places if names[: len(place)] == place), None)


def _classes_called_masks(files: Iterable[_Names], places: Iterable[_Names]) -> Iterator[_Names]:
    """Yields the folders beside the classes of a part that are classes in spite of their names.

    In `test/masks`, there is neither a folder called like a class nor a file called like a picture.
    """
    within: dict[_Names, list[_Names]] = defaultdict(list)
    for names in files:
        part = _part_of(names, places)
        if part and len(names) > len(part) + 1:
            within[part].append(names[len(part) :])
    for part, inner in within.items():
        pictures = [names for names in inner if not holds_masks(names[0])]
        known = {names[0] for names in pictures} | {Path(names[-1]).stem for names in pictures}
        for folder in {names[0] for names in inner if holds_masks(names[0])}:
            called = {
                names[1] if len(names) > 2 else Path(names[1]).stem.removesuffix(MASK_ENDING)
                for names in inner
                if names[0] == folder
            }
            if not called & known:
                yield (*part, folder)


def _with_masks(
    root: Path,
    pictures: Mapping[_Names, list[_Names]],
    masks: _Masks,
    masked: Mapping[_Names, list[_Names]],
    endings: _Endings,
) -> Iterator[FoundPicture]:
    from capsule_inspect.imaging.masks_beside import find_masks_beside  # --help needs no NumPy

    loose = _masks_by_name(masked, masks, endings)
    for folder, files in pictures.items():
        paths = {root.joinpath(*names): names for names in files}
        beside = find_masks_beside(paths) if folder in masked else {}
        for path, names in paths.items():
            if path in beside.values():
                continue
            own = [*_masks_of(names, len(folder) - 1, masks, endings), *loose.get(names, [])]
            if path in beside:
                own.append(paths[beside[path]])
            posix = dict.fromkeys(map(_posix, own)) if folder in masked else ()
            yield FoundPicture(_posix(names), (folder[-1],), tuple(posix))


def _masks_of(names: _Names, depth: int, masks: _Masks, endings: _Endings) -> Iterator[_Names]:
    """Yields the masks that lie as a picture does, whose class is the part of that depth."""
    own = _without_extension(names)
    for end in endings.known_to(names[depth]):
        for above in range(len(names)):
            for below in (above, above + 1):
                if below < len(names) and (below <= depth or above > depth):
                    yield from masks.get((names[:above], (*own[below:-1], own[-1] + end)), [])


def _masks_by_name(
    pictures: Mapping[_Names, list[_Names]], masks: _Masks, endings: _Endings
) -> dict[_Names, list[_Names]]:
    """Returns the masks that lie in no folder of a class, by the only pictures of their names."""
    named: dict[str, list[_Names]] = defaultdict(list)
    for folder, files in pictures.items():
        for names in files:
            for end in endings.known_to(folder[-1]):
                named[Path(names[-1]).stem + end].append(names)
    found: dict[_Names, list[_Names]] = defaultdict(list)
    for (above, place), files in masks.items():
        fitting = [names for names in named[place[0]] if names[: len(above)] == above]
        if len(place) == 1 and len(fitting) == 1 and len(fitting[0]) > len(above) + 1:
            found[fitting[0]] += files
    return found


def _without_extension(names: _Names) -> _Names:
    return (*names[:-1], Path(names[-1]).stem)


def _posix(names: _Names) -> str:
    return "/".join(names)


def _all(masks: _Masks) -> Iterator[_Names]:
    return (names for files in masks.values() for names in files)


def pictures_in(root: Path) -> tuple[str, ...]:
    """Returns the POSIX paths of all pictures below a folder, relative to it, sorted.

    Raises:
        OSError: A folder cannot be listed.
    """
    return tuple(sorted(path.relative_to(root).as_posix() for path in _walk(root)))


def folders_in(folder: Path) -> list[Path]:
    """Lists the folders in a folder that are not hidden, sorted."""
    return [path for path in _entries(folder) if path.is_dir()]


def has_pictures(folder: Path) -> bool:
    """Tells whether a picture lies in a folder or below."""
    return any(_walk(folder))


def _kept_by_systems(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*")):
        within = path.relative_to(root)
        is_theirs = any(map(is_system_folder, within.parts[:-1]))
        if is_theirs and not path.name.startswith(".") and _is_picture(path):
            yield within.as_posix()


def _entries(folder: Path) -> list[Path]:
    """Lists what is neither hidden nor kept by systems, sorted."""
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and not is_system_folder(path.name)
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
