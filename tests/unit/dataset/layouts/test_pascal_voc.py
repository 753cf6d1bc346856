import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.settings.groups import DataSettings

PLAIN = DataSettings(val=0.0, test=0.0)
MAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncrack:128,0,0::\npoke:0,128,0::\n"
VOC_COLOURS = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128)]
"""The first of VOC's palette, as its devkit lists them."""
VOID = (224, 224, 192)


def save_palette(file: Path, numbers: np.ndarray, palette: dict[int, tuple[int, int, int]]) -> None:
    """Saves numbers with a palette, by another library than the one that reads them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.fromarray(numbers.astype(np.uint8), mode="L").convert("L")
    indexed = Image.frombytes("P", mask.size, mask.tobytes())
    indexed.putpalette([level for n in range(256) for level in palette.get(n, (0, 0, 0))])
    indexed.save(file)


def save_colours(file: Path, numbers: np.ndarray, colours) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.array([colours.get(n, (0, 0, 0)) for n in range(256)], np.uint8)[numbers]
    Image.fromarray(rgb).save(file)


def save_grey(file: Path, numbers: np.ndarray, _colours) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(numbers.astype(np.uint8)).save(file)


def write(root: Path, data: DataSet, save) -> Path:
    """Copies a data set into VOC's format: masks, a list of colours, and no XML files."""
    (root / "JPEGImages").mkdir(parents=True)
    names = ["background", *(label for label in data.classes if label != "good")]
    colours = {number: (10 * number, 200, 7) for number in range(1, len(names))} | {0: (0, 0, 0)}
    lines = [f"{name}:{','.join(map(str, colours[n]))}::" for n, name in enumerate(names)]
    (root / "labelmap.txt").write_text("\n".join(lines))
    listed = []
    for sample in data.samples:
        _, mask = data.read(sample)
        name = Path(sample.path)
        shutil.copy(data.root / sample.path, root / "JPEGImages")
        listed.append(name.stem)
        if sample.label != "good":
            number = names.index(sample.label)
            save(root / f"SegmentationClass/{name.stem}.png", mask * np.uint8(number), colours)
    lists = root / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "default.txt").write_text("\n".join(listed) + "\n")
    return root


@pytest.mark.parametrize("save", [save_palette, save_colours, save_grey])
def test_masks_give_the_data_set_they_were_made_from(drawn, tmp_path, assert_same, save):
    prepare_dataset(write(tmp_path / "in", drawn, save), tmp_path / "out", PLAIN)
    assert_same(read_dataset(tmp_path / "out"), drawn)


def picture(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(root / name), np.full((15, 16, 3), number, np.uint8))


def box(label: str, left: int = 1, top: int = 1, right: int = 5, bottom: int = 5) -> str:
    return (
        f"<object>\n<name>{label}</name><pose>Unspecified</pose><difficult>0</difficult>\n"
        f"<bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
        "</bndbox></object>\n"
    )


def xml(root: Path, name: str, *objects: str, size: str = "16 15") -> None:
    width, height = size.split()
    file = root / "Annotations" / f"{name}.xml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"<annotation>\n<folder>VOC</folder><filename>{name}.jpg</filename>\n<size>"
        f"<width>{width}</width><height>{height}</height><depth>3</depth></size>\n"
        f"{''.join(objects)}</annotation>\n",
        encoding="utf-8",
    )


def lists(root: Path, kind: str, **names: str) -> None:
    (root / "ImageSets" / kind).mkdir(parents=True, exist_ok=True)
    for split, listed in names.items():
        (root / "ImageSets" / kind / f"{split}.txt").write_text(listed.replace(" ", "\n"))


@pytest.fixture
def numbers() -> np.ndarray:
    """A mask: class 1 in 6 x 8 pixels, class 2 in 4, and a pixel of void."""
    mask = np.zeros((15, 16), np.uint8)
    mask[3:9, 4:12] = 1
    mask[12:14, 1:3] = 2
    mask[0, 0] = 255
    return mask


PALETTE = dict(enumerate(VOC_COLOURS)) | {255: VOID}


def test_boxes_give_a_class_and_no_mask(tmp_path):
    picture(tmp_path, "JPEGImages/a.jpg", "JPEGImages/b.jpg", "JPEGImages/c.jpg")
    xml(tmp_path, "a", box("crack", 0, 0, 3, 3), box("poke", 0, 0, 5, 5))
    xml(tmp_path, "b")
    found = discover(tmp_path)
    assert (found.layout, found.stray_pictures) == ("Pascal VOC", ("JPEGImages/c.jpg",))
    assert [(each.path, each.labels, each.has_mask) for each in found.pictures] == [
        ("JPEGImages/a.jpg", ("poke", "crack"), False),
        ("JPEGImages/b.jpg", ("good",), False),
    ]


@pytest.mark.parametrize("kind", ["Main", "Segmentation"])
def test_lists_are_splits(tmp_path, kind):
    picture(tmp_path, *(f"JPEGImages/{name}.jpg" for name in ("a", "b", "c", "d e")))
    xml(tmp_path, "a", box("crack"))
    xml(tmp_path, "b")
    xml(tmp_path, "c", box("crack"))
    lists(tmp_path, kind, train="a b", val="c", trainval="a b c", crack_train="a b c")
    (tmp_path / "ImageSets" / kind / "test.txt").write_text('"d e"\n')
    found = discover(tmp_path)
    assert found.is_split
    assert [(each.path[11:], each.label, each.split) for each in found.pictures] == [
        ("a.jpg", "crack", "train"),
        ("b.jpg", "good", "train"),
        ("c.jpg", "crack", "val"),
        ("d e.jpg", "good", "test"),
    ]
    prepare_dataset(tmp_path, tmp_path / "out", DataSettings())
    assert [each.split for each in read_dataset(tmp_path / "out").samples] == [
        "train",
        "train",
        "val",
        "test",
    ]


@pytest.mark.parametrize("save", [save_palette, save_colours, save_grey])
def test_void_is_no_defect_and_the_larger_class_comes_first(tmp_path, numbers, save):
    picture(tmp_path, "JPEGImages/a.jpg", "JPEGImages/b.jpg")
    (tmp_path / "labelmap.txt").write_text(MAP)
    save(tmp_path / "SegmentationClass/a.png", numbers, PALETTE)
    save(tmp_path / "SegmentationClass/b.png", numbers * 0, PALETTE)
    first, second = discover(tmp_path).pictures
    assert (first.labels, second.labels) == (("crack", "poke"), ("good",))
    assert np.array_equal(first.make_mask(15, 16), (numbers == 1) | (numbers == 2))


@pytest.mark.parametrize("folder", ["SegmentationClass", "SegmentationObject"])
@pytest.mark.parametrize("save", [save_palette, save_colours, save_grey])
def test_without_a_list_of_colours_boxes_name_the_class_of_a_mask(tmp_path, numbers, save, folder):
    picture(tmp_path, "JPEGImages/a.jpg", "JPEGImages/b.jpg")
    xml(tmp_path, "a", box("poke", 4, 3, 12, 9), box("crack", 1, 12, 3, 14))
    xml(tmp_path, "b")
    save(tmp_path / f"{folder}/a.png", numbers, PALETTE)
    first, _ = discover(tmp_path).pictures
    assert first.labels == ("poke", "crack")
    assert np.array_equal(first.make_mask(15, 16), (numbers == 1) | (numbers == 2))


def test_a_palette_that_was_sorted_anew_keeps_its_meaning(tmp_path, numbers):
    picture(tmp_path, "JPEGImages/a.jpg", "JPEGImages/b.jpg")
    xml(tmp_path, "a", box("poke"))
    xml(tmp_path, "b")
    anew = np.array([3, 0, 1, *[2] * 253])[numbers]  # ground 3, classes 0 and 1, void 2
    palette = {3: VOC_COLOURS[0], 0: VOC_COLOURS[1], 1: VOC_COLOURS[2], 2: VOID}
    save_palette(tmp_path / "SegmentationClass/a.png", anew, palette)
    mask = discover(tmp_path).pictures[0].make_mask(15, 16)
    assert np.array_equal(mask, (numbers == 1) | (numbers == 2))


def test_numbers_count_where_a_palette_has_one_colour_twice(tmp_path, numbers):
    picture(tmp_path, "JPEGImages/a.jpg", "JPEGImages/b.jpg")
    xml(tmp_path, "a", box("poke"))
    xml(tmp_path, "b")
    save_palette(tmp_path / "SegmentationClass/a.png", numbers, {})
    mask = discover(tmp_path).pictures[0].make_mask(15, 16)
    assert np.array_equal(mask, (numbers == 1) | (numbers == 2))


def test_grey_of_few_bits_is_numbers(tmp_path, numbers):
    picture(tmp_path, "JPEGImages/a.jpg", "JPEGImages/b.jpg")
    xml(tmp_path, "a", box("poke"))
    xml(tmp_path, "b")
    file = tmp_path / "SegmentationClass/a.png"
    file.parent.mkdir()
    Image.fromarray(numbers == 1).save(file)  # one bit
    mask = discover(tmp_path).pictures[0].make_mask(15, 16)
    assert np.array_equal(mask, numbers == 1)


def test_classes_without_a_colour_have_those_of_vocs_palette(tmp_path, numbers):
    picture(tmp_path, "JPEGImages/a.jpg", "JPEGImages/b.jpg")
    (tmp_path / "labelmap.txt").write_text("background:::\ncrack\npoke::\n")
    save_colours(tmp_path / "SegmentationClass/a.png", numbers, PALETTE)
    save_colours(tmp_path / "SegmentationClass/b.png", numbers * 0, PALETTE)
    assert discover(tmp_path).pictures[0].labels == ("crack", "poke")


def test_names_have_folders_and_every_spelling(tmp_path):
    picture(tmp_path, "JPEGImages/line/be\u0301.jpg", "JPEGImages/line/c.jpg")
    xml(tmp_path, "line/b\u00e9", box("poke"))
    lists(tmp_path, "Main", train="line/b\u00e9 line/c.jpg")
    assert [(each.path, each.label) for each in discover(tmp_path).pictures] == [
        ("JPEGImages/line/be\u0301.jpg", "poke"),
        ("JPEGImages/line/c.jpg", "good"),
    ]


def test_pictures_may_lie_in_another_folder(tmp_path):
    picture(tmp_path, "images/a.png", "images/b.png")
    xml(tmp_path, "a", box("poke"), size="0 0")
    xml(tmp_path, "b")
    assert [each.path for each in discover(tmp_path).pictures] == ["images/a.png", "images/b.png"]


def of_one(root: Path) -> Path:
    picture(root, "JPEGImages/a.jpg", "JPEGImages/b.jpg")
    xml(root, "b")
    return root


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<annotation><object>\n", "is damaged: no element found: line 2"),
        ("<html/>", "`<html>` in line 1 is not the `<annotation>` of Pascal VOC"),
        ("<annotation>\n<object/></annotation>", "`<object>` in line 2 holds no `<bndbox>`"),
        (
            "<annotation>" + box("a").replace("<xmax>5</xmax>", "") + "</annotation>",
            "`<bndbox>` in line 3 holds no `<xmax>`",
        ),
        (
            "<annotation>" + box("a").replace("<xmax>5", "<xmax>five") + "</annotation>",
            "`<xmax>` in line 3 holds 'five', which is no number",
        ),
        ("<annotation>" + box("") + "</annotation>", "`<name>` in line 2 is empty"),
        ("<annotation><size/></annotation>", "`<size>` in line 1 holds no `<height>`"),
        ("<!DOCTYPE a><annotation/>", "has a document type in line 1"),
        ("\udcff", "is damaged: unclosed token: line 1, column 0"),
        (
            '<?xml version="1.0" encoding="shift_jis"?><annotation/>',
            "is in an encoding that is not read: multi-byte encodings are not supported",
        ),
    ],
)
def test_a_damaged_xml_file_is_the_problem_of_its_picture(tmp_path, complaint, text, said):
    of_one(tmp_path)
    (tmp_path / "Annotations/a.xml").write_bytes(text.encode("utf-8", "surrogateescape"))
    xml(tmp_path, "A")
    picture(tmp_path, "JPEGImages/A.jpg")
    told = complaint(tmp_path)
    assert said in told
    assert "Annotations/a.xml'" in told
    assert [each.label for each in discover(tmp_path).pictures if not each.problem] == ["good"] * 2


def test_a_mask_whose_classes_nobody_names_is_refused(tmp_path, complaint, numbers):
    of_one(tmp_path)
    save_palette(tmp_path / "SegmentationClass/a.png", numbers, PALETTE)
    told = complaint(tmp_path)
    assert told.startswith(
        "The mask 'SegmentationClass/a.png' holds numbers or colours, and no file says which "
        "classes they are. Put a file labelmap.txt beside `SegmentationClass`"
    )


@pytest.mark.parametrize(
    ("text", "save", "said"),
    [
        (MAP.replace("poke:0,128,0", "poke:0,129,0"), save_colours, "holds the colour 0,128,0"),
        (MAP.replace("poke:0,128,0", "poke:0,129,0"), save_palette, "holds the colour 0,128,0"),
        (MAP.replace("poke:0,128,0::\n", ""), save_grey, "holds the number 2, which"),
        ("crack:0,0,0::\npoke:1,1,1::\n", save_grey, "Its first line must be the background"),
    ],
)
def test_what_the_list_of_colours_does_not_name_is_refused(
    tmp_path, complaint, numbers, text, save, said
):
    of_one(tmp_path)
    (tmp_path / "labelmap.txt").write_text(text)
    save(tmp_path / "SegmentationClass/a.png", numbers, PALETTE)
    told = complaint(tmp_path)
    assert said in told
    assert "'labelmap.txt' does not name" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"background:0,0,0::\ncrack:1,2\n", "line 2 is not `name:r,g,b:parts:actions`"),
        (b"background:0,0,0::\ncrack:1,2,256::\n", "line 2 is not `name:r,g,b"),
        (b"background:0,0,0::\ncrack:1,2,x::\n", "line 2 is not `name:r,g,b"),
        (b":1,2,3::\n", "line 1 is not `name:r,g,b"),
        (b"background:0,0,0::\n\ncrack:0,0,0::\n", "line 3 has the colour of `background`"),
        (b"\xff\n", "line 1 holds the byte 0xFF"),
    ],
)
def test_a_damaged_list_of_colours_is_named(tmp_path, complaint, text, said):
    of_one(tmp_path)
    (tmp_path / "labelmap.txt").write_bytes(text)
    told = complaint(tmp_path)
    assert said in told
    assert "labelmap.txt' is damaged" in told


def test_boxes_and_a_mask_of_other_classes_are_refused(tmp_path, complaint, numbers):
    of_one(tmp_path)
    (tmp_path / "labelmap.txt").write_text(MAP)
    xml(tmp_path, "a", box("crack"))
    save_colours(tmp_path / "SegmentationClass/a.png", numbers, PALETTE)
    assert (
        "names crack, but the mask 'SegmentationClass/a.png' shows crack, poke. Correct one"
        in complaint(tmp_path)
    )


@pytest.mark.parametrize("damage", ["cut", "checksum"])
def test_a_damaged_mask_is_the_problem_of_its_picture(tmp_path, complaint, numbers, damage):
    of_one(tmp_path)
    (tmp_path / "labelmap.txt").write_text(MAP)
    file = tmp_path / "SegmentationClass/a.png"
    save_palette(file, numbers, PALETTE)
    data = bytearray(file.read_bytes())
    data[data.index(b"IDAT") + 6] ^= 1
    file.write_bytes(data if damage == "checksum" else data[:-30])
    assert "The mask 'SegmentationClass/a.png' is" in complaint(tmp_path)


def test_a_missing_picture_and_one_of_two_lists_are_named(tmp_path, complaint):
    of_one(tmp_path)
    xml(tmp_path, "a", box("crack"))
    xml(tmp_path, "c", box("crack"))
    lists(tmp_path, "Main", train="a d", val="a b .")
    told = complaint(tmp_path).splitlines()
    assert told == [
        "'ImageSets' is about the picture '.', which is not in the folder. Put it there, or take "
        "that out.",
        "ImageSets lists it in train and val. Leave it in one of them.",
        "'Annotations/c.xml' is about the picture 'c', which is not in the folder. Put it there, "
        "or take that out.",
        "'ImageSets' is about the picture 'd', which is not in the folder. Put it there, or take "
        "that out.",
    ]


def test_two_pictures_of_a_name_are_told(tmp_path, complaint):
    of_one(tmp_path)
    picture(tmp_path, "JPEGImages/b.png")
    assert complaint(tmp_path) == (
        "There are 2 pictures of its name: JPEGImages/b.jpg, JPEGImages/b.png."
    )


def test_a_mask_or_picture_of_another_size_is_the_problem_of_its_picture(tmp_path, numbers):
    of_one(tmp_path / "in")
    (tmp_path / "in/labelmap.txt").write_text(MAP)
    picture(tmp_path / "in", "JPEGImages/a.png", "JPEGImages/b.png", "JPEGImages/c.png")
    for name in "ab":
        (tmp_path / f"in/JPEGImages/{name}.jpg").unlink()
    save_palette(tmp_path / "in/SegmentationClass/a.png", numbers[:14], PALETTE)
    save_palette(tmp_path / "in/SegmentationClass/c.png", numbers, PALETTE)
    xml(tmp_path / "in", "c", size="32 30")
    prepared = prepare_dataset(tmp_path / "in", tmp_path / "out", PLAIN, skip_bad=True)
    told = {each.path: each.message for each in prepared.problems if each.fatal}
    assert sorted(told) == ["JPEGImages/a.png", "JPEGImages/c.png"]
    assert "has 16 x 14 pixels, its picture 16 x 15" in told["JPEGImages/a.png"]
    assert "had 32 x 30 when it was annotated" in told["JPEGImages/c.png"]


def test_a_good_picture_with_a_region_is_a_problem(tmp_path, numbers):
    of_one(tmp_path / "in")
    (tmp_path / "in/labelmap.txt").write_text("background:0,0,0::\ngood:128,0,0::\n")
    save_palette(tmp_path / "in/SegmentationClass/a.png", np.minimum(numbers, 1), PALETTE)
    prepared = prepare_dataset(tmp_path / "in", tmp_path / "out", PLAIN, skip_bad=True)
    (fatal,) = [each.message for each in prepared.problems if each.fatal]
    assert fatal == "The mask marks a defect, but its picture is labelled good."


def test_xml_files_of_others_claim_no_folder(tmp_path):
    picture(tmp_path, "train/good/a.png", "train/crack/b.png", "val/good/c.png")
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/a.xml").write_text("<config/>")
    assert discover(tmp_path).layout == "split folders"
