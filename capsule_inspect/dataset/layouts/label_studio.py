"""The layout of Label Studio: pictures, and its export `JSON` or `JSON_MIN`."""

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

from capsule_inspect.choices import PICTURE_EXTENSIONS
from capsule_inspect.dataset.layouts.annotation_json import Part, mentions, read_document, size_of
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture
from capsule_inspect.dataset.layouts.folders import pictures_in
from capsule_inspect.dataset.layouts.picture_names import PictureNames, discover_annotated
from capsule_inspect.dataset.layouts.regions import (
    Region,
    annotate,
    area_of,
    ellipse,
    mixes_boxes,
    outlined,
    outlined_in_shares,
)
from capsule_inspect.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIGNS: Final = (("annotations", "data", "result"), ("annotation_id", "annotator", "lead_time"))
"""The keys of the exports `JSON` and `JSON_MIN`."""
_FACTS: Final = frozenset(
    {
        "id",
        "annotator",
        "annotation_id",
        "created_at",
        "updated_at",
        "lead_time",
        "image",
        "agreement",
    }
)
"""The keys of `JSON_MIN` that hold no annotation."""
_PREFIX: Final = re.compile(r"[0-9a-f]{8}-", re.IGNORECASE)
"""What Label Studio puts before the name of a picture that is uploaded."""
_LABELS: Final = "labels"
_CHOICES: Final = "choices"
_CHOICE: Final = "choice"
"""The key of `JSON_MIN` that holds a single choice, as Label Studio's template calls it."""
_SILENT: Final = frozenset({"relation", "textarea", "rating", "number", "datetime", "pairwise"})
"""Types of results that name no class."""
_MOST_PIXELS: Final = 100_000_000
"""As many as a picture can have; see `MAX_PIXELS`."""


class LabelStudio:
    """Pictures, and a JSON file of tasks with their annotations.

    ```text
    project-1-at-2024-05-06-10-20-abcdef01.json
    a.png                      or in any folder, also as 1a2b3c4d-a.png
    ```
    """

    name = "Label Studio"
    sign = "file of the export `JSON` or `JSON_MIN`"

    def matches(self, root: Path) -> bool:
        """Tells whether a JSON file in a folder has the keys of Label Studio's exports."""
        return bool(_files(root))

    def discover(self, root: Path) -> Discovery:
        """Finds the pictures of the tasks with an annotation, and makes masks of their regions.

        One whose annotation has no regions is good. A task without an annotation has not been
        looked at; its picture is left out.
        """
        listed = pictures_in(root)
        names = PictureNames(listed)
        tasks = (task for file in _files(root) for task in _tasks(read_document(file)))
        pictures = tuple(found for task in tasks if (found := _picture(task, names)) is not None)
        return discover_annotated(root, self.name, listed, pictures)


def _files(root: Path) -> tuple[Path, ...]:
    return tuple(
        file
        for file in sorted(root.iterdir())
        if file.suffix.lower() == ".json"
        and not file.name.startswith(".")
        and file.is_file()
        and any(mentions(file, *keys) for keys in _SIGNS)
    )


def _tasks(document: Part) -> Iterator[list[Part]]:
    """Yields the tasks of a file: one part each, or of `JSON_MIN` those of one picture."""
    rows: dict[int | str, list[Part]] = defaultdict(list)
    for part in Part(document.file, "tasks", document.value):
        if part.get("data") is None:
            rows[part["id"].identity()].append(part)
        else:
            yield [part]
    yield from rows.values()


def _picture(task: Sequence[Part], names: PictureNames) -> FoundPicture | None:
    """Returns the picture of a task; None if no one has looked at it."""
    path = task[0].place
    try:
        annotations = [each for part in task for each in _annotations(part)]
        if not annotations:
            return None
        place = _place_of_picture(task[0].get("data") or task[0])
        path = place.text()
        path = _find(place, names)
        found = [each.picture(path) for each in annotations]
        if len({frozenset(each.labels) for each in found}) > 1:
            listed = " and ".join(", ".join(sorted(each.labels)) for each in found)
            task[0].refuse(
                f"has annotations that do not agree: {listed}. Keep one of them in Label Studio"
            )
        return found[-1]
    except DataError as error:
        return FoundPicture(path, (), problem=str(error))


class _Annotation:
    """What one person says of a picture: regions, and choices about it as a whole."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._regions: list[Region] = []
        self._tags: list[str] = []
        self._size: tuple[int, int] | None = None

    def add_choices(self, choices: Part) -> None:
        """Adds classes of the whole picture."""
        self._tags += [each.text() for each in choices]

    def add_region(self, item: Part, value: Part) -> None:
        """Adds a region: its size stands in an item, its place and classes in a value."""
        turn = item.get("image_rotation")
        if turn and turn.number() % 360:
            turn.refuse("is not 0: the picture was turned, which is not read")
        size = size_of(item, "original_height", "original_width")
        self._size = self._size or size
        labels = [label.text() for key in _label_keys(value) for label in value[key]]
        if not labels:
            item.refuse("has no label")
        region = _region(value, size)
        self._regions += [Region(label, region.fill, region.area) for label in labels]

    @property
    def is_empty(self) -> bool:
        """Whether it names no class."""
        return not (self._regions or self._tags)

    def picture(self, path: str) -> FoundPicture:
        """Returns the picture with its classes and mask."""
        if mixes_boxes(self._regions):
            self._part.refuse("holds outlines and regions without pixels (boxes or points)")
        return annotate(path, self._regions, size=self._size, tags=self._tags)


def _annotations(task: Part) -> Iterator[_Annotation]:
    """Yields the annotations of a task or of a row of `JSON_MIN`, but those that were cancelled."""
    if task.get("data") is None:
        yield _of_row(task)
        return
    for part in task["annotations"]:
        cancelled = part.get("was_cancelled")
        if not cancelled or cancelled.value is not True:
            yield _of_results(part)


def _of_results(part: Part) -> _Annotation:
    """Reads an annotation of `JSON`."""
    annotation, results = _Annotation(part), list(part["result"])
    # A region and its label can be two results with one id; both tell the place.
    labelled = {
        item["id"].identity()
        for item in results
        if item.get("id") and (value := item.get("value")) and _label_keys(value)
    }
    for item in results:
        kind = item["type"].text()
        if kind in _SILENT:
            continue
        value, number = item["value"], item.get("id")
        if kind == _CHOICES:
            annotation.add_choices(value[_CHOICES])
        elif _label_keys(value) or not number or number.identity() not in labelled:
            annotation.add_region(item, value)
    return annotation


def _of_row(row: Part) -> _Annotation:
    """Reads a row of `JSON_MIN`, where each control of the page has its own key."""
    annotation, place = _Annotation(row), _place_of_picture(row)
    unclear = []
    for key in row.value:
        part = row.get(str(key))
        if key in _FACTS or part is None or part.place == place.place:
            continue
        if part.is_list:
            for item in part:
                annotation.add_region(item, item)
        elif isinstance(part.value, Mapping) and _CHOICES in part.value:
            annotation.add_choices(part[_CHOICES])
        elif key == _CHOICE:
            annotation.add_choices(Part(part.file, part.place, [part.value]))
        else:
            unclear.append(part)
    if unclear and annotation.is_empty:
        unclear[0].refuse(
            "may be the class or not; export as `JSON` in place of `JSON_MIN`, which tells"
        )
    return annotation


def _label_keys(value: Part) -> list[str]:
    """Returns the keys that hold the classes of a region, such as `polygonlabels`."""
    keys = value.value if isinstance(value.value, Mapping) else ()
    return [key for key in keys if isinstance(key, str) and key.endswith(_LABELS)]


def _region(value: Part, size: tuple[int, int] | None) -> Region:
    """Returns a region without its class. Places are percentages of the sides of the picture."""
    if value.get("rle"):
        return _brush(value, size)
    if points := value.get("points"):
        corners = [(x, y) for x, y in map(_pair, points)]
        if len(corners) < 3:
            points.refuse("has fewer than three corners")
        return Region("", outlined_in_shares(corners), area_of(corners))
    if value.get("radiusX"):
        return _ellipse(value)
    x, width = value.get("x"), value.get("width")
    if x is None or width is None:
        value.refuse("is a region of a kind that is not read")
    height = value.get("height")  # a point has none
    return Region("", None, _share(width) * _share(height) if height else 0.0)


def _share(part: Part) -> float:
    return part.number() / 100


def _pair(point: Part) -> tuple[float, float]:
    numbers = [_share(each) for each in point]
    if len(numbers) != 2:
        point.refuse("is not a list of x and y")
    return numbers[0], numbers[1]


def _ellipse(value: Part) -> Region:
    x, y, across, down = (_share(value[key]) for key in ("x", "y", "radiusX", "radiusY"))
    if min(across, down) <= 0:
        value.refuse("has no radius")
    turn = value.get("rotation")
    degrees = turn.number() if turn else 0.0

    def fill(height: int, width: int) -> "NDArray[np.bool_]":
        # It is turned as it is seen, so in pixels.
        corners = ellipse((x * width, y * height), (across * width, down * height), degrees)
        return outlined([corners])(height, width)

    return Region("", fill, math.pi * across * down)


def _brush(value: Part, size: tuple[int, int] | None) -> Region:
    """Returns what a brush drew, which is decoded here once to measure it."""
    part = value["rle"]
    kind = value.get("format")
    if kind and kind.value != "rle":
        kind.refuse("is not `rle`")
    if size is None:
        value.refuse("has no `original_width` and `original_height` beside it")
    if not 0 < size[0] * size[1] <= _MOST_PIXELS:
        value.refuse("is of a picture that is too large")
    try:
        data = bytes(each.value for each in part)
    except (TypeError, ValueError):
        part.refuse("is not a list of numbers from 0 to 255")
    fill = partial(_decode, part, data, size)
    return Region("", fill, float(fill(*size).mean()))


def _decode(
    part: Part, data: bytes, size: tuple[int, int], _height: int, _width: int
) -> "NDArray[np.bool_]":
    from capsule_inspect.imaging.rle import decode_brush

    try:
        return decode_brush(data, size)  # `annotate` compares the size with that of the picture
    except ValueError as error:
        part.refuse(f"cannot be decoded: {error}")


def _place_of_picture(data: Part) -> Part:
    """Returns where the picture of a task stands: `image`, or the only text that names one."""
    if found := data.get("image"):
        return found
    keys = data.value if isinstance(data.value, Mapping) else ()
    texts = [key for key in keys if isinstance(data.value[key], str)]
    named = [key for key in texts if _is_picture(data.value[key])]
    if len(named) != 1:
        data.refuse("has no `image`" if not named else f"names {len(named)} pictures")
    return data[named[0]]


def _is_picture(text: str) -> bool:
    return PurePosixPath(_path_in(text)).suffix.lower() in PICTURE_EXTENSIONS


def _path_in(address: str) -> str:
    """Returns the path of a picture in an address, a query of local files or a plain path."""
    try:
        parts = urlsplit(address.replace("\\", "/"))
    except ValueError:
        return address
    local = parse_qs(parts.query).get("d")
    return local[0].replace("\\", "/") if local else unquote(parts.path)


def _find(place: Part, names: PictureNames) -> str:
    """Returns the path of a picture relative to the root."""
    given = _path_in(place.text())
    folder, _, name = given.rpartition("/")
    plain = place.text().rpartition("/")[2]  # a key of S3 can hold `#` and `%` as they are
    wanted = (name, _PREFIX.sub("", name, count=1), plain)
    found = next(filter(None, map(names.called, wanted)), ())
    # Of several, those count that lie in most of the folders that the address ends with.
    ends = [_common_end(folder, path.rpartition("/")[0]) for path in found]
    found = tuple(path for path, end in zip(found, ends, strict=True) if end == max(ends))
    if len(found) > 1:
        place.refuse(f"is '{given}', of which there are {len(found)}: {', '.join(found[:3])}")
    if not found:
        raise DataError(
            f"'{place.file}' names the picture '{given}' in {place.place}, which is not in the "
            "folder. Put it there, or take out its task."
        )
    return found[0]


def _common_end(one: str, other: str) -> int:
    """Returns how many folders at the ends of two paths are the same."""
    pairs = zip(reversed(one.split("/")), reversed(other.split("/")), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
