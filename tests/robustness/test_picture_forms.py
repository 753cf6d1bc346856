"""Forms of picture files: the pixels of the reference readers, or a refusal by name; never others.

The references are tifffile for TIFF and Pillow for the rest.
"""

import io
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from odd_forms import FORMS
from picture_bytes import UPRIGHT
from PIL import Image
from whole_files import WHOLE

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.read import decode_picture

tifffile = pytest.importorskip("tifffile", reason="the reference reader of TIFF")

SHAPE = (24, 32)
PHOTOMETRICS = {"minisblack": 1, "miniswhite": 1, "rgb": 3}


def tiff_forms() -> Iterator[tuple[str, bytes]]:
    """Yields the forms that the options of a TIFF make together."""
    choices = itertools.product(
        ("uint8", "uint16", "int8", "int16", "uint32", "float32"),
        PHOTOMETRICS,
        ("contig", "separate"),
        ("<", ">"),
        (None, (16, 16)),
        (None, "zlib", "zlib with predictor"),
        (False, True),
    )
    for dtype, photometric, planes, order, tile, compression, big in choices:
        if planes == "separate" and PHOTOMETRICS[photometric] == 1:
            continue
        predictor = compression == "zlib with predictor"
        if predictor and dtype == "float32":  # tifffile alone does not write it
            continue
        pixels = values(dtype, PHOTOMETRICS[photometric])
        if planes == "separate":
            pixels = np.moveaxis(pixels, -1, 0)
        file = io.BytesIO()
        with tifffile.TiffWriter(file, bigtiff=big, byteorder=order) as writer:
            writer.write(
                pixels,
                photometric=photometric,
                planarconfig=planes if PHOTOMETRICS[photometric] == 3 else None,
                tile=tile,
                compression=compression and "zlib",
                predictor=predictor or None,
                metadata=None,
            )
        name = f"{dtype} {photometric} {planes} {order} tile={tile} {compression} big={big}"
        yield name, file.getvalue()


def values(dtype: str, channels: int) -> np.ndarray:
    random = np.random.default_rng(channels)
    shape = SHAPE if channels == 1 else (*SHAPE, channels)
    if dtype == "float32":
        return random.random(shape).astype(np.float32)
    return random.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def by_tifffile(data: bytes) -> np.ndarray:
    """Returns the picture as tifffile has it, in 8 bits, RGB, black as 0."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        pixels = page.asarray()
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            pixels = np.iinfo(pixels.dtype).max - pixels
        if page.samplesperpixel == 3 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            pixels = np.moveaxis(pixels, 0, -1)
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257).astype(np.uint8)
    return pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)


def test_each_form_of_tiff_shows_the_pixels_of_tifffile_or_is_refused():
    read, wrong = set(), []
    for name, data in tiff_forms():
        try:
            shown = decode_picture(data, "It").pixels
        except PictureError:
            continue
        read.add(name.split(" tile")[0])
        if not np.array_equal(shown, by_tifffile(data)):
            wrong.append(name)
    assert not wrong
    # Nothing is refused that people have: 8 and 16 bits, grey and RGB, in both orders.
    common = itertools.product(("uint8", "uint16"), ("minisblack", "miniswhite", "rgb"), "<>")
    assert {f"{dtype} {kind} contig {order}" for dtype, kind, order in common} <= read


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_turned_tiff_is_shown_upright(orientation, tile, dtype, channels):
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        values(dtype, channels),
        photometric="rgb" if channels == 3 else "minisblack",
        tile=tile,
        compression="zlib",
        extratags=[(274, "H", 1, orientation, True)],
        metadata=None,
    )
    shown = decode_picture(file.getvalue(), "It").pixels
    np.testing.assert_array_equal(shown, UPRIGHT[orientation](by_tifffile(file.getvalue())))


@pytest.mark.parametrize("extra", ["unspecified", "unassalpha", "assocalpha"])
def test_the_fourth_channel_of_a_tiff_is_what_the_file_says(extra):
    pixels = values("uint8", 4)
    if extra == "assocalpha":
        pixels[..., :3] = pixels[..., :3].astype(int) * pixels[..., 3:] // 255
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="rgb", extrasamples=[extra], metadata=None)
    shown = decode_picture(file.getvalue(), "It").pixels.astype(int)
    colours, alpha = pixels[..., :3].astype(int), pixels[..., 3:].astype(int)
    wanted = {
        "unspecified": colours,
        "unassalpha": (colours * alpha + 255 * (255 - alpha)) / 255,
        "assocalpha": colours + 255 - alpha,
    }[extra]
    assert np.abs(shown - wanted).max() <= 1


def by_pillow(data: bytes) -> np.ndarray:
    """Returns the colours by Pillow, on white, the right way up."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.seek(0)
        if picture.mode.startswith("I"):  # 16 bits of grey
            levels = np.rint(np.asarray(picture).astype(np.float64) / 257).astype(np.uint8)
            return np.dstack([levels] * 3)
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return np.asarray(Image.alpha_composite(white, rgba).convert("RGB"))


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_form_shows_the_pixels_of_pillow(name):
    form = FORMS[name]
    shown = decode_picture(form.data, "It").pixels
    wanted = np.rot90(by_pillow(form.data), form.turns)
    assert shown.shape == wanted.shape
    assert np.abs(shown.astype(int) - wanted).max() <= form.tolerance


FILES = {**WHOLE, **{name: form.data for name, form in FORMS.items()}}

DECODE = """
import sys
import numpy as np
from pathlib import Path
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.read import decode_picture
whole = Path(sys.argv[1]).read_bytes()
random = np.random.default_rng(7)
for number in range(1000):
    changed = bytearray(whole)
    for _ in range(random.integers(1, 7)):
        near = random.random() < 0.5
        place = random.integers(0, min(200, len(changed)) if near else len(changed))
        changed[place] = random.integers(0, 256)
    if number % 4 == 0:
        del changed[random.integers(0, len(changed)):]
    print(number, flush=True)
    try:
        decode_picture(bytes(changed), "It", max_pixels=10_000_000)
    except PictureError as error:
        assert str(error).startswith("It ") and str(error).endswith("."), error
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FILES))
def test_a_thousand_changes_of_a_form_are_decoded_or_refused(name, tmp_path):
    file = Path(tmp_path, "whole")
    file.write_bytes(FILES[name])
    command = [sys.executable, "-c", DECODE, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    tried = done.stdout.splitlines()
    assert done.returncode == 0, f"change {tried[-1]}: {done.stderr[-2000:]}"
    assert tried[-1] == "999"
