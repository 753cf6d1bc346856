"""Pictures of realistic size for the benchmarks."""

import os
from pathlib import Path

import cv2

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.read import read_picture
from capsule_inspect.inference.inputs import InputPicture, expand_inputs

DISTINCT = 40


def make_pictures(folder: Path, kind: str, count: int) -> tuple[InputPicture, ...]:
    """Fills a folder with pictures of 1000 x 1000 pixels.

    The pictures are real if `CAPSULE_INSPECT_DATA` is set, otherwise drawn. There are 40 distinct
    ones, three quarters of them good, with many links to each.

    Args:
        folder: A new folder.
        kind: `png` or `jpg`.
        count: Number of pictures.
    """
    folder.mkdir()
    distinct = folder.parent / f"distinct-{kind}"
    if not distinct.exists():
        distinct.mkdir()
        for number in range(DISTINCT):
            picture = cv2.cvtColor(_picture(number), cv2.COLOR_RGB2BGR)
            data = cv2.imencode(f".{kind}", picture)[1].tobytes()
            (distinct / f"{number:02}.{kind}").write_bytes(data)
    for number in range(count):
        link = folder / f"{number:05}.{kind}"
        link.symlink_to(distinct / f"{number % DISTINCT:02}.{kind}")
    return expand_inputs([str(folder)])


def _picture(number: int) -> Picture:
    is_good = number % 4 != 3
    data = os.environ.get("CAPSULE_INSPECT_DATA")
    if data:
        files = sorted(Path(data, "test").glob("*/*.*"))
        files = [file for file in files if (file.parent.name == "good") == is_good]
        return read_picture(files[number * 7 % len(files)])
    label = "good" if is_good else DEFECTS[number // 4 % len(DEFECTS)]
    return draw_capsule(label, (5, number), 1000).picture
