"""Finding the pictures that annotations name, wherever they lie below the root."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from capsule_inspect.choices import split_of
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture
from capsule_inspect.dataset.layouts.folders import keeps_split


class PictureNames:
    """The pictures below the root of a data set, by their names.

    Two spellings of one name in Unicode are the same name; macOS stores its own.

    Args:
        listed: POSIX paths of the pictures, relative to the root.
    """

    def __init__(self, listed: Iterable[str]) -> None:
        self._paths: dict[str, list[str]] = defaultdict(list)
        self._named: dict[str, list[str]] = defaultdict(list)
        for path in listed:
            self._paths[spell(path)].append(path)
            self._named[spell(path).rpartition("/")[2]].append(path)

    def at(self, path: str) -> tuple[str, ...]:
        """Returns the pictures at a path relative to the root; several differ in spelling."""
        return tuple(self._paths.get(spell(path), ()))

    def called(self, name: str) -> tuple[str, ...]:
        """Returns the pictures of a name, in any folder."""
        return tuple(self._named.get(spell(name), ()))

    def find(self, given: str, folder: str, split: str = "") -> tuple[str, ...]:
        """Returns the pictures that a file of annotations can mean.

        A path is relative to the folder of the file, to the root, to `images`, or to the folder of
        the split. A name without a folder, and a path on another machine, mean the picture of that
        name in any folder, but not one of another split.

        Args:
            given: What the file calls its picture.
            folder: Folder of the file, relative to the root; `.` for the root.
            split: `train`, `val` or `test` if the file says so, else empty.

        Returns:
            One path, or none if it is missing, or several if the name does not tell which.
        """
        name = given.replace("\\", "/").removeprefix("./")
        for place in (folder, ".", "images", split, f"images/{split}"):
            if found := self.at(f"{place}/{name}".removeprefix("./")):
                return found
        parts = name.split("/")
        is_elsewhere = parts[0] in {"", ".."} or parts[0].endswith(":")
        if len(parts) > 1 and not is_elsewhere:
            return ()
        return tuple(
            path
            for path in self.called(parts[-1])
            if not split or {split_of(part) for part in path.split("/")} <= {"", split}
        )


def discover_annotated(
    root: Path, layout: str, listed: Iterable[str], pictures: Collection[FoundPicture]
) -> Discovery:
    """Returns what the annotations of a folder name, and which pictures they do not.

    Args:
        root: The folder, absolute.
        layout: Name of its layout, for people.
        listed: POSIX paths of all its pictures.
        pictures: Those that are named.
    """
    named = {each.path for each in pictures}
    return Discovery(
        root=root,
        layout=layout,
        pictures=tuple(pictures),
        stray_pictures=tuple(path for path in listed if path not in named),
        is_split=keeps_split(pictures),
    )


def spell(text: str) -> str:
    """Returns a name in the spelling that all spellings of it in Unicode share."""
    return unicodedata.normalize("NFC", text)


def split_of_file(root: Path, file: Path) -> str:
    """Returns the split that a file is of, by the name of its folder or its own; or empty."""
    words = re.findall(r"[a-z]+", file.stem.casefold())
    names = [file.parent.name] if file.parent != root else []
    return next((found for name in (*names, *words) if (found := split_of(name))), "")
