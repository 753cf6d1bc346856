"""The layout of YOLO: pictures, and a text file of regions for each."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, NoReturn

from capsule_inspect.choices import split_of
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture
from capsule_inspect.dataset.layouts.folders import pictures_in
from capsule_inspect.dataset.layouts.picture_names import discover_annotated
from capsule_inspect.dataset.layouts.regions import (
    Region,
    annotate,
    area_of,
    mixes_boxes,
    outlined_in_shares,
)
from capsule_inspect.errors import DataError
from capsule_inspect.files import read_text

_FILES: Final = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_SPLITS: Final = ("train", "val", "test")
_BOX: Final = 4
"""Numbers of a box: its centre, width and height. A polygon has at least six."""
_BEYOND: Final = 0.05
"""How far a region may reach beyond the picture, as a share of its side."""


class YoloText:
    """A `data.yaml` that names splits and classes, and a text file for each picture.

    ```text
    data.yaml
    images/train/a.png         or train/images/a.png
    labels/train/a.txt         or train/labels/a.txt
    ```
    """

    name = "YOLO"
    sign = "file `data.yaml`"

    def matches(self, root: Path) -> bool:
        """Tells whether a `data.yaml` names classes and folders, and a picture has a text file."""
        file = _description(root)
        if file is None:
            return False
        try:
            description = _read_description(file)
        except DataError:
            return False
        names_folders = any(description.get(split) for split in _SPLITS)
        return names_folders and any(
            (root / _text_of(path)).is_file() for path in pictures_in(root)
        )

    def discover(self, root: Path) -> Discovery:
        """Finds the pictures of each split, and makes masks of their regions.

        A picture whose text file is missing or empty is good, as for YOLO's own tools. The split is
        kept if there are defects in `train`.
        """
        file = _description(root)
        if file is None:
            raise DataError(f"'{root}' has no `data.yaml`.")
        listed = pictures_in(root)
        description = _read_description(file)
        names = _names(file, description)
        pictures = tuple(
            _annotate(root, path, split, names)
            for split, folders in _folders_of_splits(root, file, description)
            for path in listed
            if any(path.startswith(f"{folder}/") for folder in folders)
        )
        for split in _SPLITS:
            own = [each.path for each in pictures if each.split == split]
            if own and not any((root / _text_of(path)).is_file() for path in own):
                raise DataError(
                    f"No picture of the split `{split}` of '{file}' has a text file, such as "
                    f"'{_text_of(own[0])}'. Put them there, or take the split out of that file."
                )
        used = {_text_of(each.path).as_posix() for each in pictures}
        found = discover_annotated(root, self.name, listed, pictures)
        return replace(found, stray_masks=tuple(text for text in _texts(root) if text not in used))


def _description(root: Path) -> Path | None:
    return next((root / name for name in _FILES if (root / name).is_file()), None)


def _read_description(file: Path) -> Mapping[Any, Any]:
    import yaml

    try:
        document = yaml.safe_load(read_text(file))
    except RecursionError:
        raise DataError(f"'{file}' is damaged: its lists are nested too deeply.") from None
    except (ValueError, yaml.YAMLError) as error:
        raise DataError(f"'{file}' is damaged: {' '.join(str(error).split())}.") from error
    if not isinstance(document, Mapping) or not document.get("names"):
        raise DataError(f"'{file}' is not in the format of YOLO: it has no `names`.")
    if "kpt_shape" in document:
        raise DataError(f"'{file}' describes points of poses, which are not read.")
    return document


def _names(file: Path, description: Mapping[Any, Any]) -> dict[int, str]:
    """Returns the class names by their numbers; they stand in a list or by number."""
    names = description.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, Mapping) or not names:
        raise DataError(f"'{file}' is not in the format of YOLO: it has no `names`.")
    for number, name in names.items():
        is_number = isinstance(number, int) and not isinstance(number, bool)
        if not is_number or not isinstance(name, str) or not name.strip():
            raise DataError(f"'{file}' is damaged: `names` holds {number!r}: {name!r}.")
    return dict(names)


def _folders_of_splits(
    root: Path, file: Path, description: Mapping[Any, Any]
) -> Iterator[tuple[str, list[str]]]:
    """Yields each split and the POSIX paths of its folders, relative to the root."""
    path = description.get("path")
    base = path if isinstance(path, str) else ""
    found = False
    for split in _SPLITS:
        value = description.get(split)
        values = value if isinstance(value, list) else [value] if value else []
        if not all(isinstance(each, str) for each in values):
            raise DataError(f"'{file}' is damaged: `{split}` is not the name of a folder.")
        folders = [_find_folder(root, file, base, split, each) for each in values]
        found |= bool(folders)
        yield split, folders
    if not found:
        raise DataError(
            f"'{file}' names no folder of pictures: it has no `train`, `val` or `test`."
        )


def _find_folder(root: Path, file: Path, base: str, split: str, value: str) -> str:
    """Returns the folder that a split means, wherever its author had the data set."""
    if value.endswith(".txt"):
        raise DataError(
            f"'{file}' gives a list of pictures for `{split}`, '{value}', which is not read. Give "
            "the folder of the pictures."
        )
    given = PurePosixPath(value.replace("\\", "/"))
    parts = [part for part in given.parts if part not in {"..", ".", given.anchor}]
    own = PurePosixPath(base.replace("\\", "/"), *parts).parts
    # The folder may have been moved since: what the end of its path names is taken.
    ends = [PurePosixPath(*own[start:]) for start in range(len(own))]
    for end in ends:
        if not end.is_absolute() and ".." not in end.parts and (root / end).is_dir():
            return end.as_posix()
    raise DataError(
        f"'{file}' names the folder '{value}' for `{split}`, which is not in '{root}'. Put it "
        "there, or correct the file."
    )


def _annotate(root: Path, path: str, split: str, names: Mapping[int, str]) -> FoundPicture:
    try:
        return annotate(path, _regions(root / _text_of(path), names), split_of(split))
    except DataError as error:
        return FoundPicture(path, (), split=split_of(split), problem=str(error))


def _regions(file: Path, names: Mapping[int, str]) -> list[Region]:
    lines = _read_lines(file) if file.is_file() else []
    regions = [_Line(file, number, text).region(names) for number, text in lines]
    if mixes_boxes(regions):
        raise DataError(
            f"'{file}' holds polygons and boxes. A box does not say which pixels are defect: give "
            "one or the other for all regions."
        )
    return regions


def _texts(root: Path) -> list[str]:
    """Returns the POSIX paths of all text files in folders called `labels`."""
    found = (file.relative_to(root) for file in root.rglob("*.txt"))
    return sorted(
        file.as_posix()
        for file in found
        if "labels" in file.parts[:-1] and file.name != "classes.txt"
    )


def _text_of(path: str) -> PurePosixPath:
    """Returns the text file of a picture: in `labels`, where the picture is in `images`."""
    parts = list(PurePosixPath(path).with_suffix(".txt").parts)
    places = [place for place, part in enumerate(parts) if part.casefold() == "images"]
    if places:
        parts[places[-1]] = "labels"
    return PurePosixPath(*parts)


def _read_lines(file: Path) -> list[tuple[int, str]]:
    """Returns the lines that are not empty, with their numbers from 1.

    Raises:
        DataError: The file is not in UTF-8.
    """
    try:
        text = read_text(file)
    except ValueError as error:
        raise DataError(f"'{file}' is damaged: {error}.") from error
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


class _Line:
    """A line: the number of a class, then a polygon or a box, as shares of the picture's sides."""

    def __init__(self, file: Path, number: int, text: str) -> None:
        self._file, self._number, self._words = file, number, text.split()

    def region(self, names: Mapping[int, str]) -> Region:
        """Returns the region; the numbers of classes have these names."""
        try:
            label, *numbers = (float(word) for word in self._words)
        except ValueError:
            self._refuse("holds something else than numbers")
        if label not in names:
            self._refuse(f"has the class {self._words[0]}, which data.yaml does not name")
        name = names[int(label)]
        if any(not -_BEYOND <= number <= 1 + _BEYOND for number in numbers):
            self._refuse("holds a place outside the picture; places are shares of its sides")
        if len(numbers) == _BOX:
            return Region(name, None, numbers[2] * numbers[3])
        if len(numbers) < _BOX + 2 or len(numbers) % 2:
            self._refuse("is neither a box of four numbers nor a polygon of three corners or more")
        corners = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        return Region(name, outlined_in_shares(corners), area_of(corners))

    def _refuse(self, reason: str) -> NoReturn:
        raise DataError(
            f"'{self._file}' is damaged: line {self._number} {reason}. Export it again."
        )
