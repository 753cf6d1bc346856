"""The layout of LabelMe: a JSON file beside each picture."""

import base64
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from capsule_inspect.choices import PICTURE_EXTENSIONS
from capsule_inspect.dataset.layouts.annotation_json import Part, mentions, read_document, size_of
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture, MakeMask
from capsule_inspect.dataset.layouts.folders import folders_in, pictures_in
from capsule_inspect.dataset.layouts.regions import (
    Region,
    annotate,
    ellipse,
    mixes_boxes,
    outlined,
    paste,
)
from capsule_inspect.errors import DataError, PictureError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from capsule_inspect.imaging.polygons import Polygon

_OUTLINES: Final = frozenset({"polygon", "circle", "oriented_rectangle", "mask"})
"""Shapes that say which pixels are defect. Boxes, points and lines give the class alone."""


class LabelMe:
    """Pictures with a JSON file of the same name beside each.

    ```text
    a.png
    a.json
    line-2/b.jpg
    line-2/b.json
    ```
    """

    name = "LabelMe"
    sign = "file `NAME.json` beside a picture `NAME`"

    def matches(self, root: Path) -> bool:
        """Tells whether a picture with such a file lies in a folder, or in a folder in it."""
        folders = (root, *folders_in(root))
        file = next((pair for folder in folders for pair in _pairs(folder)), None)
        return file is not None and mentions(file, "shapes")

    def discover(self, root: Path) -> Discovery:
        """Finds the pictures with a file, and makes masks of their shapes.

        A file without shapes says that its picture is good. A picture without a file has not been
        looked at, and is left out.
        """
        pictures, strays = [], []
        for path in pictures_in(root):
            file = (root / path).with_suffix(".json")
            found = _annotate(path, file) if file.is_file() else None
            if found is None:
                strays.append(path)
            else:
                pictures.append(found)
        return Discovery(root, self.name, tuple(pictures), stray_pictures=tuple(strays))


def _pairs(folder: Path) -> Iterator[Path]:
    """Yields the JSON files beside pictures of the same name."""
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    pictures = {
        PurePosixPath(name).stem
        for name in names
        if PurePosixPath(name).suffix.lower() in PICTURE_EXTENSIONS
    }
    return (
        folder / name
        for name in names
        if name.removesuffix(".json") in pictures and name.endswith(".json")
    )


def _is_of_another(path: str, document: Part) -> bool:
    """Tells whether a file names another picture of the same name, with another extension."""
    named = document.get("imagePath") if isinstance(document.value, dict) else None
    if named is None or not isinstance(named.value, str):
        return False
    own, other = PurePosixPath(path), PurePosixPath(named.value.replace("\\", "/"))
    return own.stem == other.stem and own.suffix.lower() != other.suffix.lower()


def _annotate(path: str, file: Path) -> FoundPicture | None:
    """Returns a picture with what its file says; None if the file is of another."""
    try:
        document = read_document(file)
        return None if _is_of_another(path, document) else _read(path, document)
    except DataError as error:
        return FoundPicture(path, (), problem=str(error))


def _read(path: str, document: Part) -> FoundPicture:
    if not isinstance(document.value, dict) or "shapes" not in document.value:
        raise DataError(f"'{document.file}' is not in the format of LabelMe: it has no `shapes`.")
    regions = [_region(shape) for shape in document["shapes"]]
    if mixes_boxes(regions):
        document["shapes"].refuse(
            "holds outlines and shapes without pixels (boxes, lines or points)"
        )
    flags = document.get("flags")
    known = flags.value.items() if flags and isinstance(flags.value, dict) else ()
    tags = [str(name) for name, is_set in known if is_set is True]
    size = size_of(document, "imageHeight", "imageWidth")
    return annotate(path, regions, size=size, tags=tags)


def _region(shape: Part) -> Region:
    label = shape["label"].text()
    kind = shape.get("shape_type")
    name = kind.text() if kind else "polygon"
    points = list(_points(shape["points"]))
    if name not in _OUTLINES:
        return Region(label, None, _area_of_box(points))
    if name == "mask":
        return Region(label, _mask(shape, points), _area_of_box(points))
    corners = _circle(shape, points) if name == "circle" else points
    if len(corners) < 3:
        shape["points"].refuse("has fewer than three corners")
    return Region(label, outlined([corners]), _area_of_box(corners))


def _points(part: Part) -> Iterator[tuple[float, float]]:
    for point in part:
        numbers = [each.number() for each in point]
        if len(numbers) != 2:
            point.refuse("is not a list of x and y")
        yield numbers[0], numbers[1]


def _area_of_box(points: "Polygon") -> float:
    """Returns the area of the box around points, to compare shapes of all kinds."""
    if not points:
        return 0.0
    across, down = [x for x, _ in points], [y for _, y in points]
    return (max(across) - min(across)) * (max(down) - min(down))


def _circle(shape: Part, points: "Polygon") -> list[tuple[float, float]]:
    """Returns the corners of a circle that is given by its centre and a point on it."""
    if len(points) != 2:
        shape["points"].refuse("is not the centre of a circle and a point on it")
    centre, edge = points
    radius = math.dist(centre, edge)
    if not math.isfinite(radius):
        shape["points"].refuse("holds places that are too far away")
    return ellipse(centre, (radius, radius))


def _mask(shape: Part, points: "Polygon") -> MakeMask:
    """Returns what makes the mask that is stored as a PNG in base64, with its first corner."""
    if not points:
        shape["points"].refuse("has no corner of the mask")
    part = shape["mask"]
    try:
        data = base64.b64decode(part.text(), validate=True)
    except ValueError as error:
        part.refuse(f"cannot be decoded: {error}")
    return partial(_paste, part, data, (round(points[0][0]), round(points[0][1])))


def _paste(
    part: Part, data: bytes, corner: tuple[int, int], height: int, width: int
) -> "NDArray[np.bool_]":
    from capsule_inspect.imaging.read import decode_mask

    try:
        small = decode_mask(data, f"{part.place} in '{part.file}'") > 0
        return paste(small, corner, height, width)
    except PictureError as error:
        part.refuse(f"cannot be read: {error}")
    except ValueError as error:
        part.refuse(str(error))
