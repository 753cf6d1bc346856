"""The layout of CVAT: pictures, and an XML file of their shapes (`CVAT for images 1.1`)."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from capsule_inspect.choices import split_of
from capsule_inspect.dataset.layouts.annotation_xml import Element, read_xml, root_name
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture
from capsule_inspect.dataset.layouts.folders import folders_in, pictures_in
from capsule_inspect.dataset.layouts.picture_names import (
    PictureNames,
    discover_annotated,
    split_of_file,
)
from capsule_inspect.dataset.layouts.regions import (
    Region,
    annotate,
    area_of,
    ellipse,
    mixes_boxes,
    outlined,
    paste,
)
from capsule_inspect.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROOT: Final = "annotations"
_TAG: Final = "tag"
_WITHOUT_PIXELS: Final = frozenset({"box", "polyline", "points", "cuboid", "skeleton"})
"""Shapes that do not say which pixels are defect; they give the class alone."""


class CvatXml:
    """Pictures with shapes in one XML file, or in one for each split.

    ```text
    annotations.xml            or train/annotations.xml and val/annotations.xml
    images/a.png               or beside the file, or in a folder of the split
    images/train/a.png
    ```
    """

    name = "CVAT"
    sign = "file `annotations.xml`"

    def matches(self, root: Path) -> bool:
        """Tells whether an XML file of CVAT lies in a folder, or in a folder of a split in it."""
        return bool(_annotation_files(root))

    def discover(self, root: Path) -> Discovery:
        """Finds the pictures that the files name, and makes masks of their shapes.

        A picture without shapes is good. The subset of a picture, or the folder of its file, gives
        its split; the split is kept if there are defects in `train`.
        """
        listed = pictures_in(root)
        names = PictureNames(listed)
        pictures = tuple(
            each for file in _annotation_files(root) for each in _pictures(root, file, names)
        )
        return discover_annotated(root, self.name, listed, pictures)


def _annotation_files(root: Path) -> tuple[Path, ...]:
    folders = (root, *(each for each in folders_in(root) if split_of(each.name)))
    return tuple(
        file
        for folder in folders
        for file in sorted(folder.iterdir())
        if file.suffix.lower() == ".xml"
        and not file.name.startswith(".")
        and file.is_file()
        and root_name(file) == _ROOT
    )


def _pictures(root: Path, file: Path, names: PictureNames) -> Iterator[FoundPicture]:
    """Yields the pictures of a file, those without shapes included."""
    document = read_xml(file)
    if document.get("track"):
        raise DataError(
            f"'{file}' is in CVAT's format for video. Export it there as `CVAT for images 1.1`."
        )
    folder, split = file.parent.relative_to(root).as_posix(), split_of_file(root, file)
    for image in document.all("image"):
        name = image.attribute("name")
        yield _picture(
            image, name, folder, split_of(image.attributes.get("subset", "")) or split, names
        )


def _picture(
    image: Element, name: str, folder: str, split: str, names: PictureNames
) -> FoundPicture:
    path = name
    try:
        path = _find(image, name, folder, split, names)
        regions = [_region(shape) for shape in image.children if shape.name != _TAG]
        if mixes_boxes(regions):
            image.refuse("holds outlines and shapes without pixels (boxes, lines or points)")
        size = (int(image.number_of("height")), int(image.number_of("width")))
        tags = [tag.attribute("label") for tag in image.all(_TAG)]
        return annotate(path, regions, split, size, tags)
    except DataError as error:
        return FoundPicture(path, (), split=split, problem=str(error))


def _find(image: Element, name: str, folder: str, split: str, names: PictureNames) -> str:
    found = names.find(name, folder, split)
    if len(found) > 1:
        image.refuse(f"is '{name}', of which there are {len(found)}: {', '.join(found[:3])}")
    if not found:
        raise DataError(
            f"'{image.file}' names the picture '{name}' in line {image.line}, which is not in the "
            "folder. Put it there, or take out its `<image>`."
        )
    return found[0]


def _region(shape: Element) -> Region:
    label = shape.attribute("label")
    match shape.name:
        case "polygon":
            corners = _corners(shape)
            return Region(label, outlined([corners]), area_of(corners))
        case "ellipse":
            corners = _ellipse(shape)
            return Region(label, outlined([corners]), area_of(corners))
        case "mask":
            return _mask(shape, label)
        case "box":
            left, top, right, bottom = map(shape.number_of, ("xtl", "ytl", "xbr", "ybr"))
            return Region(label, None, abs((right - left) * (bottom - top)))
        case name if name not in _WITHOUT_PIXELS:
            shape.refuse("is a shape that is not read")
    return Region(label, None)


def _corners(shape: Element) -> list[tuple[float, float]]:
    """Returns the corners of a polygon, which stand as `x,y;x,y;x,y`."""
    try:
        pairs = [
            tuple(map(float, pair.split(","))) for pair in shape.attribute("points").split(";")
        ]
    except ValueError:
        shape.refuse("has `points` that are no numbers")
    corners = [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]
    if len(corners) < len(pairs):
        shape.refuse("has `points` that are not pairs of x and y")
    if len(corners) < 3:
        shape.refuse("has fewer than three corners")
    _check_finite(shape, corners)
    return corners


def _ellipse(shape: Element) -> list[tuple[float, float]]:
    x, y, across, down = map(shape.number_of, ("cx", "cy", "rx", "ry"))
    if min(across, down) <= 0:
        shape.refuse("has no radius")
    corners = ellipse((x, y), (across, down), shape.number_of("rotation", 0.0))
    _check_finite(shape, corners)
    return corners


def _check_finite(shape: Element, corners: list[tuple[float, float]]) -> None:
    if not all(math.isfinite(number) for corner in corners for number in corner):
        shape.refuse("holds places that are not finite, or too far away")


def _mask(shape: Element, label: str) -> Region:
    """Returns a mask that is given as run lengths along the rows of a rectangle."""
    left, top, width, height = (
        int(shape.number_of(key)) for key in ("left", "top", "width", "height")
    )
    try:
        runs = tuple(int(run) for run in shape.attribute("rle").split(","))
    except ValueError:
        shape.refuse("has an `rle` that is not whole numbers")
    if min(runs) < 0 or sum(runs) != width * height:
        shape.refuse(f"has runs that do not add up to {width} x {height} pixels")
    return Region(label, partial(_paste, shape, runs, (left, top, width, height)), sum(runs[1::2]))


def _paste(
    shape: Element, runs: tuple[int, ...], box: tuple[int, int, int, int], height: int, width: int
) -> "NDArray[np.bool_]":
    from capsule_inspect.imaging.rle import RunLengths, decode_runs

    left, top, columns, rows = box
    if left < 0 or top < 0 or left + columns > width or top + rows > height:
        shape.refuse("reaches beyond its picture")
    # The runs go along the rows, those of `RunLengths` down the columns.
    return paste(decode_runs(RunLengths((columns, rows), runs)).T, (left, top), height, width)
