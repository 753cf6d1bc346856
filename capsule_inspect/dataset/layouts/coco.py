"""The layout of COCO: pictures, and a JSON file of their regions."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from capsule_inspect.choices import split_of
from capsule_inspect.dataset.layouts.annotation_json import Part, mentions, read_document, size_of
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture, MakeMask
from capsule_inspect.dataset.layouts.folders import folders_in, pictures_in
from capsule_inspect.dataset.layouts.picture_names import (
    PictureNames,
    discover_annotated,
    split_of_file,
)
from capsule_inspect.dataset.layouts.regions import Region, annotate, area_of, mixes_boxes, outlined
from capsule_inspect.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from capsule_inspect.imaging.rle import RunLengths

_FILE: Final = re.compile(
    r"(_annotations\.coco|annotations|instances([_-].*|\d*)|.*[._-]?coco)\.json", re.IGNORECASE
)
_FOLDER: Final = "annotations"
_IN_FOLDER: Final = re.compile(r"(?!captions|person_keypoints).*\.json", re.IGNORECASE)


_KEYS: Final = ("images", "annotations")


class CocoJson:
    """Pictures with regions in one JSON file, or in one for each split.

    A file is COCO's if it has the keys `images` and `annotations`.

    ```text
    annotations.json           or instances_train.json and instances_val.json, also in annotations/
    images/a.png               or beside the file, or in a folder of the split
    train/_annotations.coco.json
    ```
    """

    name = "COCO"
    sign = "file `annotations.json`, `instances_*.json` or `_annotations.coco.json`"

    def matches(self, root: Path) -> bool:
        """Tells whether a folder has such a file, in the places where COCO has it."""
        return bool(_annotation_files(root))

    def discover(self, root: Path) -> Discovery:
        """Finds the pictures that the files name, and makes masks of their regions.

        A picture without regions is good. A file of a split gives it to its pictures; that split is
        kept if there are defects in `train`.
        """
        files = _annotation_files(root)
        listed = pictures_in(root)
        names = PictureNames(listed)
        pictures = tuple(each for file in files for each in _Reader(root, file, names).pictures())
        return discover_annotated(root, self.name, listed, pictures)


def _annotation_files(root: Path) -> tuple[Path, ...]:
    folders = folders_in(root)
    places = [(root, _FILE)]
    places += [(each, _FILE) for each in folders if split_of(each.name)]
    places += [(each, _IN_FOLDER) for each in folders if each.name.casefold() == _FOLDER]
    return tuple(
        file
        for folder, name in places
        for file in sorted(folder.iterdir())
        if name.fullmatch(file.name)
        and not file.name.startswith(".")
        and file.is_file()
        and mentions(file, *_KEYS)
    )


class _Reader:
    """Reads one annotation file.

    Args:
        root: The folder of the data set.
        file: The file.
        names: The pictures below the root.
    """

    def __init__(self, root: Path, file: Path, names: PictureNames) -> None:
        self._file, self._document = file, read_document(file)
        self._folder = file.parent.relative_to(root).as_posix()
        self._names = names
        self._split = split_of_file(root, file)

    def pictures(self) -> Iterator[FoundPicture]:
        """Yields the pictures of the file, those without annotations included."""
        categories = self._by_id("categories", "name")
        images = self._by_id("images", "file_name")
        annotations: dict[int | str, list[Part]] = defaultdict(list)
        for each in self._document["annotations"]:
            image = each["image_id"]
            if image.identity() not in images:
                image.refuse(f"is {image.value}, which no image has as its `id`")
            annotations[image.identity()].append(each)
        for number, image in images.items():
            yield self._picture(image, annotations[number], categories)

    def _picture(
        self, image: Part, annotations: Sequence[Part], categories: Mapping[int | str, Part]
    ) -> FoundPicture:
        path = image["file_name"].text()
        try:
            path = self._find(image["file_name"])
            regions = [_region(each, _label(each, categories)) for each in annotations]
            if mixes_boxes(regions):
                image.refuse("has regions with a `segmentation` and others with a box alone")
            return annotate(path, regions, self._split, size_of(image, "height", "width"))
        except DataError as error:
            return FoundPicture(path, (), split=self._split, problem=str(error))

    def _by_id(self, key: str, needed: str) -> dict[int | str, Part]:
        """Returns the objects of a list by their ids."""
        found: dict[int | str, Part] = {}
        for each in self._document[key]:
            number = each["id"].identity()
            if number in found:
                each.refuse(f"has the `id` {number} of {found[number].place}")
            each[needed].text()
            found[number] = each
        return found

    def _find(self, name: Part) -> str:
        """Returns the path of a picture relative to the root."""
        given = name.text()
        found = self._names.find(given, self._folder, self._split)
        if len(found) > 1:
            name.refuse(f"is '{given}', of which there are {len(found)}: {', '.join(found[:3])}")
        if not found:
            raise DataError(
                f"'{self._file}' names the picture '{given}', which is not in the folder. Put it "
                "there, or remove it from `images` and `annotations`."
            )
        return found[0]


def _label(annotation: Part, categories: Mapping[int | str, Part]) -> str:
    category = annotation["category_id"]
    if category.identity() not in categories:
        category.refuse(f"is {category.value}, which no category has as its `id`")
    return categories[category.identity()]["name"].text()


def _region(annotation: Part, label: str) -> Region:
    segmentation = annotation.get("segmentation")
    area = annotation.get("area")
    size = area.number() if area else _area_of_box(annotation)
    if segmentation is None or segmentation.value in ([], [[]]):
        return Region(label, None, size)
    if segmentation.is_list:
        polygons = [polygon.corners() for polygon in segmentation]
        return Region(label, outlined(polygons), size or sum(map(area_of, polygons)))
    return Region(label, _run_lengths(segmentation), size)


def _area_of_box(annotation: Part) -> float:
    box = annotation.get("bbox")
    if box is None:
        return 0.0
    sides = [each.number() for each in box]
    if len(sides) != 4:
        box.refuse("is not a list of four numbers")
    return sides[2] * sides[3]


def _run_lengths(segmentation: Part) -> MakeMask:
    """Returns what makes the mask of run lengths, compressed or not."""
    sides = [int(side.number()) for side in segmentation["size"]]
    if len(sides) != 2:
        segmentation["size"].refuse("is not a list of height and width")
    from capsule_inspect.imaging.rle import RunLengths, parse_counts

    counts = segmentation["counts"]
    if counts.is_list:
        numbers = tuple(int(each.number()) for each in counts)
    else:
        try:
            numbers = parse_counts(counts.text())
        except ValueError as error:
            counts.refuse(f"cannot be decoded: {error}")
    return partial(_decode, segmentation, RunLengths((sides[0], sides[1]), numbers))


def _decode(segmentation: Part, runs: "RunLengths", height: int, width: int) -> "NDArray[np.bool_]":
    from capsule_inspect.imaging.rle import decode_runs

    if runs.size != (height, width):
        segmentation.refuse(
            f"is for {runs.size[1]} x {runs.size[0]} pixels, but its picture has {width} x {height}"
        )
    try:
        return decode_runs(runs)
    except ValueError as error:
        segmentation.refuse(f"cannot be decoded: {error}")
