"""The layout of Pascal VOC: an XML file of boxes for each picture, perhaps with masks."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from capsule_inspect.choices import split_of
from capsule_inspect.dataset.layouts.annotation_xml import Element, read_xml, root_name
from capsule_inspect.dataset.layouts.class_masks import ClassMask, read_class_colours
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture
from capsule_inspect.dataset.layouts.folders import folders_in, has_pictures, pictures_in
from capsule_inspect.dataset.layouts.picture_names import discover_annotated, spell
from capsule_inspect.dataset.layouts.regions import Region, annotate
from capsule_inspect.errors import DataError
from capsule_inspect.files import read_text

_PICTURES: Final = "jpegimages"
_BOXES: Final = "annotations"
_MASKS: Final = ("segmentationclass", "segmentationobject")
_LISTS: Final = "imagesets"
_KINDS_OF_LISTS: Final = frozenset({"main", "segmentation"})
_WHOLE_LISTS: Final = frozenset({"default", "trainval", "all"})
"""Lists of pictures that are no split; others, such as `crack_train.txt`, are of one class."""
_ROOT: Final = "annotation"
_COLOURS: Final = "labelmap.txt"


class PascalVoc:
    """Pictures with XML files of boxes, with masks, or with both, in folders of fixed names.

    ```text
    JPEGImages/a.jpg
    Annotations/a.xml
    SegmentationClass/a.png
    ImageSets/Main/train.txt   or ImageSets/Segmentation/train.txt
    labelmap.txt
    ```
    """

    name = "Pascal VOC"
    sign = "folder `Annotations` of XML files or `SegmentationClass`"

    def matches(self, root: Path) -> bool:
        """Tells whether a folder has masks of classes, or XML files of boxes."""
        folders = _folders(root)
        if any(name in folders and has_pictures(folders[name]) for name in _MASKS):
            return True
        first = next(_xml_files(folders[_BOXES]), None) if _BOXES in folders else None
        return first is not None and root_name(first) == _ROOT

    def discover(self, root: Path) -> Discovery:
        """Finds the pictures that have an XML file or a mask, or are listed; reads the masks.

        One without objects and mask is good. The split of the lists is kept if all pictures have
        one, and if there are defects in `train`.
        """
        return _Reader(root).discover(self.name)


def _folders(root: Path) -> dict[str, Path]:
    return {folder.name.casefold(): folder for folder in folders_in(root)}


def _xml_files(folder: Path) -> Iterator[Path]:
    files = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".xml")
    return (file for file in files if file.is_file() and not file.name.startswith("."))


class _Reader:
    """Reads a data set. A picture is called by its path in its folder, without extension."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders = _folders(root)
        colours = root / _COLOURS
        self._colours = read_class_colours(colours) if colours.is_file() else None
        listed = pictures_in(root)
        tops = {kind: f"{self._folders[kind].name}/" for kind in _MASKS if kind in self._folders}
        self._masks = {
            kind: _by_name(path for path in listed if path.startswith(top))
            for kind, top in tops.items()
        }
        self._listed = [path for path in listed if not path.startswith(tuple(tops.values()))]
        own = self._folders.get(_PICTURES)
        self._pictures = _by_name(
            path for path in self._listed if own is None or path.startswith(f"{own.name}/")
        )

    def discover(self, layout: str) -> Discovery:
        """Finds all pictures."""
        boxes, splits = self._boxes(), self._splits()
        masked = {name for found in self._masks.values() for name in found}
        pictures = tuple(
            self._picture(name, boxes.get(name), splits.get(name, []))
            for name in sorted({*boxes, *splits, *masked})
        )
        return discover_annotated(self._root, layout, self._listed, pictures)

    def _boxes(self) -> dict[str, Path]:
        """Returns the XML files by the names of their pictures."""
        folder = self._folders.get(_BOXES)
        files = _xml_files(folder) if folder else ()
        return {_name_of(file.relative_to(self._root).as_posix()): file for file in files}

    def _splits(self) -> dict[str, list[str]]:
        """Returns the splits of each picture that a list names; none for a list of no split."""
        found: dict[str, list[str]] = {}
        folder = self._folders.get(_LISTS)
        kinds = (
            [each for each in folders_in(folder) if each.name.casefold() in _KINDS_OF_LISTS]
            if folder
            else []
        )
        for file in (file for kind in kinds for file in sorted(kind.glob("*.txt"))):
            split = split_of(file.stem)
            if not split and file.stem not in _WHOLE_LISTS:
                continue
            for line in _read_lines(file):
                own = found.setdefault(self._called(line), [])
                if split and split not in own:
                    own.append(split)
        return found

    def _called(self, line: str) -> str:
        """Returns the name that a line of a list means; CVAT puts names with spaces in quotes."""
        name = spell(line.strip().strip('"'))
        folder, slash, last = name.rpartition("/")
        bare = f"{folder}{slash}{PurePosixPath(last).stem}"
        return bare if name not in self._pictures and bare in self._pictures else name

    def _picture(self, name: str, boxes: Path | None, splits: Sequence[str]) -> FoundPicture:
        path, split = name, splits[0] if splits else ""
        try:
            path = self._find(name, boxes)
            if len(splits) > 1:
                raise DataError(
                    f"ImageSets lists it in {' and '.join(splits)}. Leave it in one of them."
                )
            return self._annotate(path, name, boxes, split)
        except DataError as error:
            return FoundPicture(path, (), split=split, problem=str(error))

    def _find(self, name: str, boxes: Path | None) -> str:
        found = self._pictures.get(name, [])
        if len(found) > 1:
            raise DataError(f"There are {len(found)} pictures of its name: {', '.join(found)}.")
        if not found:
            masks = [paths[name][0] for paths in self._masks.values() if name in paths]
            by = boxes.relative_to(self._root).as_posix() if boxes else (*masks, "ImageSets")[0]
            raise DataError(
                f"'{by}' is about the picture '{name}', which is not in the folder. Put it there, "
                "or take that out."
            )
        return found[0]

    def _annotate(self, path: str, name: str, boxes: Path | None, split: str) -> FoundPicture:
        document = _read_boxes(boxes) if boxes else None
        size = _size(document) if document else None
        regions = [_box(each) for each in document.all("object")] if document else []
        mask = self._mask(name)
        if mask is None:
            return annotate(path, regions, split, size)
        areas = mask.areas()
        if "" in areas:
            regions = _unnamed(mask, regions)
        else:
            labels = {each.label for each in regions}
            if labels and labels != set(areas):
                raise DataError(
                    f"'{boxes}' names {', '.join(sorted(labels))}, but the mask '{mask.place}' "
                    f"shows {', '.join(sorted(areas)) or 'no defect'}. Correct one of them."
                )
            regions = [
                Region(label, partial(mask.fill, label), area) for label, area in areas.items()
            ]
        return annotate(path, regions, split, size)

    def _mask(self, name: str) -> ClassMask | None:
        """Returns the mask of a picture; the one of classes, if there are two."""
        for kind, paths in self._masks.items():
            if name in paths:
                place = paths[name][0]
                colours = self._colours if kind == _MASKS[0] else None
                return ClassMask(self._root / place, place, colours)
        return None


def _unnamed(mask: ClassMask, boxes: Sequence[Region]) -> list[Region]:
    """Returns the regions of a mask that does not say their classes, as the boxes do."""
    if not boxes:
        raise DataError(
            f"The mask '{mask.place}' holds numbers or colours, and no file says which classes "
            f"they are. Put a file {_COLOURS} beside `{PurePosixPath(mask.place).parts[0]}`, with "
            "lines such as `crack:128,0,0::`, or an XML file that names the objects of the picture "
            "into `Annotations`."
        )
    fill = partial(mask.fill, "")
    return [Region(box.label, fill, box.area) for box in boxes]


def _by_name(paths: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        found[_name_of(path)].append(path)
    return found


def _name_of(path: str) -> str:
    """Returns the name of a picture: its path without the first folder and the extension."""
    parts = PurePosixPath(path).with_suffix("").parts
    return spell("/".join(parts[1:] or parts))


def _read_lines(file: Path) -> list[str]:
    try:
        return [line for line in read_text(file).splitlines() if line.strip()]
    except ValueError as error:
        raise DataError(f"'{file}' is damaged: {error}.") from error


def _read_boxes(file: Path) -> Element:
    document = read_xml(file)
    if document.name != _ROOT:
        document.refuse(f"is not the `<{_ROOT}>` of Pascal VOC")
    return document


def _size(document: Element) -> tuple[int, int] | None:
    """Returns height and width; None where they are not known, which some tools write as 0."""
    size = document.get("size")
    if size is None:
        return None
    height, width = int(size["height"].number()), int(size["width"].number())
    return (height, width) if height > 0 and width > 0 else None


def _box(part: Element) -> Region:
    """Returns an object, whose box gives its class and how much it covers."""
    box = part["bndbox"]
    left, top, right, bottom = (box[key].number() for key in ("xmin", "ymin", "xmax", "ymax"))
    return Region(part["name"].text(), None, abs((right - left) * (bottom - top)))
