"""The defects of a picture as annotations have them."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeAlias

from capsule_inspect.inference.result_names import safe_name
from capsule_inspect.text import as_written

if TYPE_CHECKING:
    from capsule_inspect.imaging.find_capsules import CapsuleBox
    from capsule_inspect.inference.inspector import Finding

Outline: TypeAlias = tuple[tuple[float, float], ...]
"""Corners of a polygon, x and y in pixels; a pixel covers [i, i + 1)."""
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""


@dataclass(frozen=True)
class DefectRegion:
    """A defect of a picture.

    Attributes:
        label: Its class.
        score: The probability of the class, in [0, 1].
        box: The box around its pixels; around its capsule, where no pixels are known.
        area: Number of its pixels; of the box without them.
        outlines: A polygon around each connected part; empty where no pixels are known.
    """

    label: str
    score: float
    box: Box
    area: float
    outlines: tuple[Outline, ...] = ()


@dataclass(frozen=True)
class AnnotatedPicture:
    """The defects of a picture.

    Attributes:
        path: The path of the picture, as in its rows.
        name: The name of its results.
        size: Height and width in pixels; None for a picture that could not be read.
        regions: Its defects, in the order of the rows.
    """

    path: str
    name: str = ""
    size: tuple[int, int] | None = None
    regions: tuple[DefectRegion, ...] = ()

    @property
    def file_name(self) -> str:
        """The picture's own path below the input that was given, POSIX.

        Where several inputs would share it, it is the whole path.
        """
        whole = PurePath(self.path)
        for start in range(len(whole.parts)):
            end = PurePath(*whole.parts[start:])
            if safe_name(end) == self.name:
                return end.as_posix()
        return whole.as_posix()

    def to_line(self) -> bytes:
        """Returns the picture as a line of JSON."""
        document = {
            "path": self.path,
            "name": self.name,
            "size": self.size,
            "regions": [
                {
                    "label": each.label,
                    "score": each.score,
                    "box": shorten(each.box),
                    "area": each.area,
                    "outlines": [flatten(outline) for outline in each.outlines],
                }
                for each in self.regions
            ],
        }
        return f"{json.dumps(document, separators=(',', ':'))}\n".encode()

    @classmethod
    def from_line(cls, line: bytes) -> "AnnotatedPicture":
        """Makes a picture of its line.

        Raises:
            ValueError: It is no such line.
        """
        try:
            document = json.loads(line)
            return cls(
                path=document["path"],
                name=document["name"],
                size=_read_size(document["size"]),
                regions=tuple(map(_read_region, document["regions"])),
            )
        except (LookupError, RecursionError, TypeError) as error:
            raise ValueError("it is no line of annotations") from error


def _read_size(sides: list[int] | None) -> tuple[int, int] | None:
    return None if sides is None else (sides[0], sides[1])


def _read_region(each: dict[str, Any]) -> DefectRegion:
    left, top, width, height = each["box"]
    outlines = tuple(
        tuple(zip(numbers[::2], numbers[1::2], strict=True)) for numbers in each["outlines"]
    )
    return DefectRegion(
        each["label"], each["score"], (left, top, width, height), each["area"], outlines
    )


def shorten(numbers: Sequence[float]) -> list[float]:
    """Returns numbers, those that are whole without a decimal point."""
    return [int(number) if number == int(number) else number for number in numbers]


def flatten(outline: Outline) -> list[float]:
    """Returns the corners of an outline as `[x1, y1, x2, y2, …]`."""
    return shorten([number for corner in outline for number in corner])


def annotate_findings(
    path: str, name: str, size: tuple[int, int], findings: Sequence["Finding"]
) -> AnnotatedPicture:
    """Returns a picture with the defects among its findings.

    Args:
        path: The path of the picture, as in its rows.
        name: The name of its results.
        size: Height and width in pixels.
        findings: The findings, one for each capsule.
    """
    regions = (_annotate(finding, size) for finding in findings if finding.is_defect)
    return AnnotatedPicture(path, name, size, tuple(regions))


def _annotate(finding: "Finding", size: tuple[int, int]) -> DefectRegion:
    region, score = finding.decision.region, as_written(finding.confidence)
    if region is None or not region.area:
        box = _box_around(finding.box, size)
        return DefectRegion(finding.label, score, box, round(box[2] * box[3], 2))
    from capsule_inspect.imaging.outlines import outline  # OpenCV; a list of runs needs none

    height, width = region.inside.shape
    outlines = tuple(tuple(polygon) for polygon in outline(region))
    box = (region.left, region.top, width, height)
    return DefectRegion(finding.label, score, box, region.area, outlines)


def _box_around(box: "CapsuleBox", size: tuple[int, int]) -> Box:
    """Returns the upright box around the turned one of a capsule, as far as the picture goes."""
    turn = math.radians(box.angle)
    cos, sin = abs(math.cos(turn)), abs(math.sin(turn))
    across, down = (
        (box.length * cos + box.width * sin) / 2,
        (box.length * sin + box.width * cos) / 2,
    )
    height, width = size
    left, right = (min(max(x, 0.0), width) for x in (box.x - across, box.x + across))
    top, bottom = (min(max(y, 0.0), height) for y in (box.y - down, box.y + down))
    return round(left, 2), round(top, 2), round(right - left, 2), round(bottom - top, 2)
