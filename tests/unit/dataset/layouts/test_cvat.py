import itertools
import shutil
from pathlib import Path
from xml.sax.saxutils import quoteattr

import cv2
import numpy as np
import pytest

from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.settings.groups import DataSettings

PLAIN = DataSettings(val=0.0, test=0.0)
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
SQUARE = '<polygon label="crack" occluded="0" points="4.00,3.00;12.00,3.00;12.00,9.00;4.00,9.00"/>'


def as_mask(mask: np.ndarray, label: str) -> str:
    """The mask of CVAT's brush: runs along the rows of the rectangle around it."""
    rows, columns = np.nonzero(mask)
    part = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    runs = [(value, len(list(run))) for value, run in itertools.groupby(part.ravel().tolist())]
    counts = [length for _, length in runs] if not runs[0][0] else [0, *(n for _, n in runs)]
    return (
        f'<mask label="{label}" source="manual" occluded="0" rle="{", ".join(map(str, counts))}" '
        f'left="{columns.min()}" top="{rows.min()}" width="{part.shape[1]}" '
        f'height="{part.shape[0]}" z_order="0"></mask>'
    )


def write(root: Path, data: DataSet, shapes) -> Path:
    """Copies a data set into CVAT's format."""
    (root / "images").mkdir(parents=True)
    text = HEAD
    for number, sample in enumerate(data.samples):
        picture, mask = data.read(sample)
        shutil.copy(data.root / sample.path, root / "images")
        height, width, _ = picture.shape
        inner = "".join(shapes(mask, sample.label)) if sample.label != "good" else ""
        name = Path(sample.path).name
        text += f'<image id="{number}" name="{name}" width="{width}" height="{height}">{inner}'
        text += "</image>\n"
    (root / "annotations.xml").write_text(text + "</annotations>\n", encoding="utf-8")
    return root


def test_masks_give_the_data_set_they_were_made_from(drawn, tmp_path, assert_same):
    source = write(tmp_path / "in", drawn, lambda mask, label: [as_mask(mask, label)])
    prepare_dataset(source, tmp_path / "out", PLAIN)
    assert_same(read_dataset(tmp_path / "out"), drawn)


def test_polygons_are_filled_to_within_a_pixel(drawn, tmp_path, outlines_of, assert_near):
    def as_polygons(mask, label):
        for outline in outlines_of(mask):
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in outline)
            yield f'<polygon label="{label}" points="{points}"/>'

    prepare_dataset(write(tmp_path / "in", drawn, as_polygons), tmp_path / "out", PLAIN)
    assert_near(read_dataset(tmp_path / "out"), drawn)


def picture(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(root / name), np.full((15, 16, 3), number, np.uint8))


def image(name: str, inner: str = "", **more: str) -> str:
    keys = {"id": "0", "name": name, "width": "16", "height": "15", **more}
    listed = " ".join(f"{key}={quoteattr(value)}" for key, value in keys.items())
    return f"<image {listed}>\n{inner}</image>\n"


def lay(root: Path, *images: str, file: str = "annotations.xml") -> Path:
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(HEAD + "".join(images) + "</annotations>\n", encoding="utf-8")
    return root


def of_one(root: Path, inner: str) -> Path:
    """A picture with these shapes, and a good one."""
    picture(root, "images/a.png", "images/b.png")
    return lay(root, image("a.png", inner), image("b.png"))


@pytest.mark.parametrize("folder", ["", "images", "elsewhere/deep"])
def test_pictures_lie_beside_the_file_or_in_a_folder(tmp_path, folder):
    prefix = f"{folder}/" if folder else ""
    picture(tmp_path, f"{prefix}a.png", f"{prefix}b.png", "more/c.png")
    found = discover(lay(tmp_path, image("a.png", SQUARE), image("b.png")))
    assert (found.layout, found.stray_pictures) == ("CVAT", ("more/c.png",))
    assert [(each.path, each.labels) for each in found.pictures] == [
        (f"{prefix}a.png", ("crack",)),
        (f"{prefix}b.png", ("good",)),
    ]
    expected = np.zeros((15, 16), bool)
    expected[3:9, 4:12] = True
    assert np.array_equal(found.pictures[0].make_mask(15, 16), expected)


def test_subsets_are_splits(tmp_path):
    picture(tmp_path, "images/train/a.png", "images/Train/b.png", "images/validation/a.png")
    lay(
        tmp_path,
        image("a.png", SQUARE, subset="train"),
        image("Train/b.png", subset="Train"),
        image("validation/a.png", SQUARE, subset="validation"),
    )
    found = discover(tmp_path)
    assert found.is_split
    assert {each.path: each.split for each in found.pictures} == {
        "images/train/a.png": "train",
        "images/Train/b.png": "train",
        "images/validation/a.png": "val",
    }


def test_files_in_folders_of_splits_give_their_split(tmp_path):
    for split in ("train", "val"):
        picture(tmp_path, f"{split}/images/a.png", f"{split}/images/b.png")
        lay(
            tmp_path, image("images/a.png", SQUARE), image("b.png"), file=f"{split}/annotations.xml"
        )
    found = discover(tmp_path)
    assert (found.layout, found.is_split) == ("CVAT", True)
    assert {each.path: each.split for each in found.pictures} == {
        f"{split}/images/{name}.png": split for split in ("train", "val") for name in "ab"
    }


@pytest.mark.parametrize(("rotation", "turned"), [("", 0), ('rotation="30"', 30)])
def test_an_ellipse_is_turned_clockwise_around_its_centre(tmp_path, rotation, turned):
    of_one(tmp_path, f'<ellipse label="poke" cx="8" cy="7" rx="6" ry="2.5" {rotation}/>')
    mask = discover(tmp_path).pictures[0].make_mask(15, 16)
    y, x = np.mgrid[:15, :16] + 0.5
    angle = np.radians(turned)
    along = (x - 8) * np.cos(angle) + (y - 7) * np.sin(angle)
    across = (y - 7) * np.cos(angle) - (x - 8) * np.sin(angle)
    assert mask[np.hypot(along / 5.2, across / 1.7) < 1].all()
    assert not mask[np.hypot(along / 6.8, across / 3.3) > 1].any()


@pytest.mark.parametrize(
    "shape",
    [
        '<box label="poke" xtl="1" ytl="1" xbr="4" ybr="5"/>',
        '<box label="poke" xtl="1" ytl="1" xbr="4" ybr="5" rotation="45.0"/>',
        '<polyline label="poke" points="1,1;4,5"/>',
        '<points label="poke" points="1,1"/>',
        '<skeleton label="poke"><points label="1" points="1,1"/></skeleton>',
        '<tag label="poke" source="manual"></tag>',
    ],
)
def test_what_shows_no_pixels_gives_the_class_alone(tmp_path, shape):
    first, second = discover(of_one(tmp_path, shape)).pictures
    assert (first.labels, first.has_mask, second.labels) == (("poke",), False, ("good",))


def test_the_class_that_covers_most_comes_first_and_attributes_are_ignored(tmp_path):
    small = (
        '<polygon label="poke" points="0,0;2,0;2,2"><attribute name="deep">1</attribute></polygon>'
    )
    assert discover(of_one(tmp_path, small + SQUARE)).pictures[0].labels == ("crack", "poke")


def test_tags_of_a_picture_with_regions_count_only_if_they_say_good(tmp_path):
    of_one(tmp_path / "bad", SQUARE + '<tag label="bad"/>')
    of_one(tmp_path / "good", SQUARE + '<tag label="good"/>')
    assert discover(tmp_path / "bad").pictures[0].labels == ("crack",)
    assert discover(tmp_path / "good").pictures[0].labels == ("crack", "good")


def test_places_outside_the_picture_are_cut_off(tmp_path):
    of_one(tmp_path, '<polygon label="crack" points="-5,-5;4,-5;4,3;-5,3"/>')
    mask = discover(tmp_path).pictures[0].make_mask(15, 16)
    assert np.argwhere(mask).tolist() == [[y, x] for y in range(3) for x in range(4)]


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ('<polygon points="1,1;2,2;3,1"/>', "`<polygon>` in line 5 has no `label`"),
        ('<polygon label=" " points="1,1"/>', "`<polygon>` in line 5 has no `label`"),
        ('<polygon label="a"/>', "`<polygon>` in line 5 has no `points`"),
        ('<polygon label="a" points="1,1;2,2"/>', "in line 5 has fewer than three corners"),
        ('<polygon label="a" points="1,1;2,2;3"/>', "`points` that are not pairs of x and y"),
        ('<polygon label="a" points="1,1;2,2;x,1"/>', "`points` that are no numbers"),
        ('<polygon label="a" points="1,1;2,2;nan,1"/>', "places that are not finite"),
        ('<box label="a" xtl="1" ytl="1" xbr="4"/>', "`<box>` in line 5 has no `ybr`"),
        (
            '<box label="a" xtl="1" ytl="1" xbr="4" ybr="x"/>',
            "has the `ybr` 'x', which is no number",
        ),
        ('<ellipse label="a" cx="1" cy="1" rx="1" ry="0"/>', "has no radius"),
        ('<ellipse label="a" cx="1" cy="1" rx="1" ry="inf"/>', "'inf', which is not finite"),
        ('<ellipse label="a" cx="1e308" cy="1" rx="1e308" ry="1"/>', "too far away"),
        (
            '<mask label="a" rle="1, x" left="0" top="0" width="2" height="2"/>',
            "has an `rle` that is not whole numbers",
        ),
        (
            '<mask label="a" rle="1, 2" left="0" top="0" width="2" height="2"/>',
            "has runs that do not add up to 2 x 2 pixels",
        ),
        (
            '<mask label="a" rle="-1, 5" left="0" top="0" width="2" height="2"/>',
            "has runs that do not add up",
        ),
        ('<blob label="a"/>', "`<blob>` in line 5 is a shape that is not read"),
        (
            SQUARE + '<box label="a" xtl="1" ytl="1" xbr="4" ybr="4"/>',
            "`<image>` in line 4 holds outlines and shapes without pixels",
        ),
    ],
)
def test_a_damaged_shape_is_named_with_its_line(tmp_path, complaint, inner, said):
    told = complaint(of_one(tmp_path, inner))
    assert said in told
    assert "annotations.xml' is damaged" in told
    assert told.endswith("Export it again, or mend it there.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "<image", "is damaged: unclosed token: line 4, column 0"),
        (HEAD + "</image>", "is damaged: mismatched tag: line 4"),
        (HEAD + '<image id="0"></image></annotations>', "`<image>` in line 4 has no `name`"),
        (HEAD + '<track id="0"/></annotations>', "is in CVAT's format for video. Export it"),
        (
            HEAD + '<image name="c.png"/></annotations>',
            "names the picture 'c.png' in line 4, which",
        ),
        (HEAD + '<image name="a.png"/></annotations>', "`<image>` in line 4 has no `height`"),
        (
            '<?xml version="1.0"?>\n<!DOCTYPE annotations [\n<!ENTITY a "aaaa">\n'
            '<!ENTITY b "&a;&a;&a;&a;">\n]>\n<annotations>&b;</annotations>',
            "has a document type in line 2, which no tool for annotations writes",
        ),
    ],
)
def test_a_damaged_file_is_named_with_the_place_and_what_to_do(tmp_path, complaint, text, said):
    picture(tmp_path, "a.png")
    (tmp_path / "annotations.xml").write_text(text, encoding="utf-8")
    told = complaint(tmp_path)
    assert said in told
    assert "annotations.xml'" in told


def test_a_name_of_several_pictures_is_refused(tmp_path, complaint):
    picture(tmp_path, "one/a.png", "two/a.png")
    told = complaint(lay(tmp_path, image("a.png", SQUARE)))
    assert "`<image>` in line 4 is 'a.png', of which there are 2: one/a.png, two/a.png" in told


@pytest.mark.parametrize(
    ("inner", "size", "said"),
    [
        (SQUARE, (30, 16), "had 16 x 15 when it was annotated"),
        (
            '<mask label="a" rle="0, 4" left="15" top="0" width="2" height="2"/>',
            (15, 16),
            "`<mask>` in line 5 reaches beyond its picture",
        ),
    ],
)
def test_what_does_not_fit_the_picture_is_its_problem(tmp_path, inner, size, said):
    of_one(tmp_path / "in", inner)
    file = tmp_path / "in/images/a.png"
    assert cv2.imwrite(str(file), np.full((*size, 3), 7, np.uint8))
    prepared = prepare_dataset(tmp_path / "in", tmp_path / "out", PLAIN, skip_bad=True)
    (fatal,) = [each for each in prepared.problems if each.fatal]
    assert fatal.path == "images/a.png"
    assert said in fatal.message
    assert [each.path for each in prepared.data.samples] == ["images/b.png"]


@pytest.mark.parametrize("text", ["<config/>", "<annotations", "", "<a><annotations/></a>", "\0"])
def test_another_xml_file_claims_no_folder(tmp_path, text):
    picture(tmp_path, "train/good/a.png", "train/crack/b.png", "val/good/c.png")
    (tmp_path / "annotations.xml").write_text(text)
    assert discover(tmp_path).layout == "split folders"


def test_a_file_in_utf_16_is_read(tmp_path):
    picture(tmp_path, "ä.png", "b.png")
    text = HEAD.replace("utf-8", "utf-16") + image("ä.png", SQUARE) + image("b.png")
    (tmp_path / "annotations.xml").write_bytes((text + "</annotations>").encode("utf-16"))
    assert [each.label for each in discover(tmp_path).pictures] == ["good", "crack"]
