"""The formats of annotations: COCO, LabelMe, YOLO and CVAT, each as the files of a folder.

None of the documents is ever held in memory; the pictures are read anew for each part of one.
"""

import html
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from capsule_inspect.choices import AnnotationFormat
from capsule_inspect.inference.annotations.regions import (
    AnnotatedPicture,
    Box,
    DefectRegion,
    Outline,
    flatten,
    shorten,
)

File: TypeAlias = tuple[str, Iterable[str]]
"""A file: its POSIX path below the folder of annotations, and its text in pieces."""


@dataclass(frozen=True)
class Findings:
    """What the files are made from.

    Attributes:
        folder: The folder of annotations.
        classes: The classes of defects, in the model's order.
        read: Reads the pictures, those that could not be read left out.
    """

    folder: Path
    classes: Sequence[str]
    read: Callable[[], Iterator["SizedPicture"]]


@dataclass(frozen=True)
class SizedPicture:
    """A picture that could be read.

    Attributes:
        picture: The picture.
        height: Its height in pixels.
        width: Its width.
    """

    picture: AnnotatedPicture
    height: int
    width: int


def _coco(findings: Findings) -> Iterator[File]:
    """Yields COCO's file: https://cocodataset.org/#format-data."""
    numbers = {name: number for number, name in enumerate(findings.classes, 1)}

    def images() -> Iterator[object]:
        for number, each in enumerate(findings.read(), 1):
            file_name = each.picture.file_name
            yield {"id": number, "file_name": file_name, "height": each.height, "width": each.width}

    def annotations() -> Iterator[object]:
        regions = (
            (number, region)
            for number, each in enumerate(findings.read(), 1)
            for region in each.picture.regions
        )
        for number, (image, region) in enumerate(regions, 1):
            yield {
                "id": number,
                "image_id": image,
                "category_id": numbers[region.label],
                "segmentation": [flatten(outline) for outline in region.outlines],
                "bbox": shorten(region.box),
                "area": region.area,
                "iscrowd": 0,
                "score": region.score,
            }

    def text() -> Iterator[str]:
        yield '{"images": ['
        yield from _listed(images())
        yield '\n], "annotations": ['
        yield from _listed(annotations())
        yield '\n], "categories": ['
        yield from _listed({"id": number, "name": name} for name, number in numbers.items())
        yield "\n]}\n"

    yield "annotations.json", text()


def _listed(items: Iterable[object]) -> Iterator[str]:
    """Yields the items of a list in JSON, each on a line of its own."""
    before = "\n"
    for item in items:
        yield before + json.dumps(item, ensure_ascii=False)
        before = ",\n"


_LABELME_VERSION: Final = "5.5.0"
"""The version of LabelMe whose files these are like; later ones read them."""


def _labelme(findings: Findings) -> Iterator[File]:
    """Yields LabelMe's file of each picture: https://github.com/wkentaro/labelme."""
    for each in findings.read():
        name = name_of_file("labelme", each.picture.name)
        document: dict[str, object] = {
            "version": _LABELME_VERSION,
            "flags": {},
            "shapes": list(_shapes(each.picture.regions)),
            "imagePath": _path_from(findings.folder / name, each.picture.path),
            "imageData": None,
            "imageHeight": each.height,
            "imageWidth": each.width,
        }
        yield name, [json.dumps(document, ensure_ascii=False, indent=2), "\n"]


def _shapes(regions: Sequence[DefectRegion]) -> Iterator[object]:
    for number, region in enumerate(regions, 1):
        left, top, width, height = region.box
        corners: Outline = ((left, top), (left + width, top + height))
        for outline in region.outlines or (corners,):
            yield {
                "label": region.label,
                "points": [list(corner) for corner in outline],
                "group_id": number if len(region.outlines) > 1 else None,
                "description": "",
                "shape_type": "polygon" if region.outlines else "rectangle",
                "flags": {},
                "mask": None,
            }


def _path_from(file: Path, picture: str) -> str:
    """Returns the path of a picture as seen from the folder of a file; POSIX."""
    folder, name = os.path.split(picture)
    place = os.path.realpath(folder)
    try:
        way = os.path.relpath(place, os.path.realpath(file.parent))
    except ValueError:  # another drive
        way = place
    return Path(way, name).as_posix()


def _yolo(findings: Findings) -> Iterator[File]:
    """Yields YOLO's files: https://docs.ultralytics.com/datasets/segment/."""
    import yaml

    names = dict(enumerate(findings.classes))
    description = {"train": "images", "names": names}
    yield "data.yaml", [yaml.safe_dump(description, sort_keys=False, allow_unicode=True)]
    numbers = {name: number for number, name in names.items()}
    for each in findings.read():
        lines = (
            f"{numbers[region.label]} {' '.join(map(_share, shares))}\n"
            for region in each.picture.regions
            for shares in _in_shares(region, each.height, each.width)
        )
        yield name_of_file("yolo", each.picture.name), lines


def _in_shares(region: DefectRegion, height: int, width: int) -> Iterator[list[float]]:
    """Yields the numbers of each polygon, or of the box: its centre, width and height."""
    if not region.outlines:
        left, top, across, down = region.box
        centre = (left + across / 2) / width, (top + down / 2) / height
        yield [*centre, across / width, down / height]
    for outline in region.outlines:
        yield [share for x, y in outline for share in (x / width, y / height)]


def _share(number: float) -> str:
    return f"{number:.6f}"


def _cvat(findings: Findings) -> Iterator[File]:
    """Yields the file of `CVAT for images 1.1`.

    See https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/.
    """

    def text() -> Iterator[str]:
        yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
        yield "  <meta>\n    <task>\n      <labels>\n"
        for name in findings.classes:
            yield f"        <label><name>{_escape(name)}</name><attributes></attributes></label>\n"
        yield "      </labels>\n    </task>\n  </meta>\n"
        for number, each in enumerate(findings.read()):
            name = _escape(each.picture.file_name)
            size = f'width="{each.width}" height="{each.height}"'
            yield f'  <image id="{number}" name="{name}" {size}>\n'
            yield from _elements(each.picture.regions)
            yield "  </image>\n"
        yield "</annotations>\n"

    yield "annotations.xml", text()


def _elements(regions: Sequence[DefectRegion]) -> Iterator[str]:
    for number, region in enumerate(regions, 1):
        common = f'label="{_escape(region.label)}" source="auto" occluded="0" z_order="0"'
        if len(region.outlines) > 1:
            common += f' group_id="{number}"'
        if not region.outlines:
            yield f"    <box {common} {_box_attributes(region.box)}></box>\n"
        for outline in region.outlines:
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in outline)
            yield f'    <polygon {common} points="{points}"></polygon>\n'


def _box_attributes(box: Box) -> str:
    left, top, width, height = box
    sides = {"xtl": left, "ytl": top, "xbr": left + width, "ybr": top + height}
    return " ".join(f'{key}="{value:.2f}"' for key, value in sides.items())


_NOT_IN_XML: Final = re.compile("[^ -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _escape(text: str) -> str:
    """Returns a text for XML; what XML cannot hold becomes `?`."""
    return html.escape(_NOT_IN_XML.sub("?", text))


FORMATS: Final[Mapping[AnnotationFormat, Callable[[Findings], Iterator[File]]]] = {
    "coco": _coco,
    "labelme": _labelme,
    "yolo": _yolo,
    "cvat": _cvat,
}
"""Makes the files of each format."""


def name_of_file(kind: AnnotationFormat, picture: str) -> str:
    """Returns the name of a picture's own file; empty where all pictures are in one document.

    Args:
        kind: The format.
        picture: The name of the picture's results.
    """
    if kind == "labelme":
        return PurePosixPath(picture).with_suffix(".json").as_posix()
    if kind == "yolo":
        return PurePosixPath("labels", picture).with_suffix(".txt").as_posix()
    return ""
