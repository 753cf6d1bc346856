"""A data set of drawn capsules: pictures, masks, and where they are."""

from pathlib import Path
from typing import Final

from capsule_inspect.dataset.advance import Advance
from capsule_inspect.dataset.checked_picture import CheckedPicture, hash_pixels
from capsule_inspect.dataset.drawing.draw_capsule import draw_capsule
from capsule_inspect.dataset.drawing.draw_labels import draw_labels
from capsule_inspect.imaging.encode import encode_mask, encode_picture
from capsule_inspect.settings.data_settings import DataSettings

PICTURES: Final = "pictures"
MASKS: Final = "masks"


def draw_set(
    out: Path, settings: DataSettings, advance: Advance | None = None
) -> list[CheckedPicture]:
    """Draws capsules into `out/pictures/0000.png` and on, masks of defects into `out/masks/`.

    The files' names say nothing of the labels, which come from `draw_labels`; picture number i is
    drawn from the seed (settings.seed, i).

    Args:
        out: Folder to write into; made if missing.
        settings: How many, how large, and the seed.
        advance: Told after every picture.

    Returns:
        The pictures, sorted by path, with paths relative to `out`.

    Raises:
        OSError: A file cannot be written.
        PictureError: A picture cannot be encoded.
    """
    (out / PICTURES).mkdir(parents=True, exist_ok=True)
    (out / MASKS).mkdir(exist_ok=True)
    drawn: list[CheckedPicture] = []
    digits = max(4, len(str(settings.count - 1)))
    for i, label in enumerate(draw_labels(settings.count, settings.seed)):
        capsule = draw_capsule(label, (settings.seed, i), settings.size)
        path, mask = f"{PICTURES}/{i:0{digits}}.png", ""
        (out / path).write_bytes(encode_picture(capsule.picture))
        if capsule.mask.any():
            mask = f"{MASKS}/{i:0{digits}}.png"
            (out / mask).write_bytes(encode_mask(capsule.mask))
        height, width, _ = capsule.picture.shape
        drawn.append(CheckedPicture(path, label, mask, hash_pixels(capsule.picture), width, height))
        if advance is not None:
            advance(i + 1, settings.count)
    return drawn
