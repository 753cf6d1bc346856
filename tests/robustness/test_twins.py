"""However a file stores a picture, its label is that of the same colours as plain RGB."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.inference.records import read_records


def with_alpha(picture: Image.Image) -> Image.Image:
    """Lets the left side shine through more than the right."""
    transparent = picture.copy()
    row = np.linspace(150, 255, picture.width).astype(np.uint8)
    transparent.putalpha(Image.fromarray(np.tile(row, (picture.height, 1))))
    return transparent


def with_16_bits(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)


FORMS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "grey.png": lambda picture: picture.convert("L"),
    "16-bit.png": with_16_bits,
    "16-bit.tif": with_16_bits,
    "alpha.png": with_alpha,
    "alpha.tif": with_alpha,
    "palette.png": lambda picture: picture.quantize(256),
    "one-bit.png": lambda picture: picture.convert("1"),
    "cmyk.jpg": lambda picture: picture.convert("CMYK"),
    "cmyk.tif": lambda picture: picture.convert("CMYK"),
}


def as_rgb(picture: Image.Image) -> Image.Image:
    """Returns the colours by Pillow, on white; of 16 bits the upper 8."""
    if picture.mode == "I;16":
        picture = Image.fromarray((np.asarray(picture) // 257).astype(np.uint8))
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")


@pytest.mark.parametrize("form", FORMS)
def test_it_gets_the_label_of_its_twin(form, invoke, tmp_path):
    for number, label in enumerate(("good", "crack", "poke", "squeeze")):
        picture = Image.fromarray(draw_capsule(label, (21, number), 600).picture)
        stored = FORMS[form](picture)
        for folder, twin in (("stored", stored), ("plain", as_rgb(stored))):
            (tmp_path / folder).mkdir(exist_ok=True)
            name = form if folder == "stored" else "twin.png"
            twin.save(tmp_path / folder / f"{number}-{name}")
    results = {}
    for folder in ("stored", "plain"):
        out = tmp_path / f"{folder}-results"
        assert invoke("predict", tmp_path / folder, "-o", out, "-q").exit_code == 0
        results[folder] = read_records(Path(out, "predictions.csv"))
    stored, plain = ([(row.status, row.label) for row in rows] for rows in results.values())
    assert stored == plain
    assert len(stored) == 4
    mentioned = ["transparent" in row.warning for row in results["stored"]]
    assert mentioned == [form.startswith("alpha")] * 4


def test_the_labels_are_not_all_alike(invoke, tmp_path):
    for number, label in enumerate(("good", "poke")):
        picture = Image.fromarray(draw_capsule(label, (21, 2 * number), 600).picture)
        picture.convert("L").save(tmp_path / f"{label}.png")
    assert invoke("predict", tmp_path, "-o", tmp_path / "out", "-q").exit_code == 0
    labels = [row.label for row in read_records(tmp_path / "out/predictions.csv")]
    assert labels == ["good", "poke"]
