import json
from pathlib import Path, PurePath
from xml.etree import ElementTree as ET

import pytest
import yaml

from capsule_inspect.inference.annotations.formats import (
    FORMATS,
    Findings,
    SizedPicture,
    name_of_file,
)
from capsule_inspect.inference.annotations.regions import AnnotatedPicture, DefectRegion
from capsule_inspect.inference.result_names import safe_name

TRIANGLE = ((1.0, 2.0), (5.0, 2.5), (1.0, 6.0))
SQUARE = ((10.0, 2.0), (14.0, 2.0), (14.0, 6.0), (10.0, 6.0))
ONE = DefectRegion("poke", 0.75, (1, 2, 4, 4), 8, (TRIANGLE,))
TWO = DefectRegion("crack", 0.5, (1, 2, 13, 4), 24, (TRIANGLE, SQUARE))
BOX = DefectRegion('a "b" & <c>', 1.0, (2.5, 5.0, 10.0, 5.0), 50.0)
PICTURES = (
    AnnotatedPicture("in/a.png", "a.png", (10, 20), (ONE, TWO)),
    AnnotatedPicture("in/sub/b.x.jpg", "sub/b.x.jpg", (10, 20)),
    AnnotatedPicture(
        "in/sub/<&\x01é>.png", safe_name(PurePath("sub/<&\x01é>.png")), (10, 20), (BOX,)
    ),
)
CLASSES = ("crack", "poke", 'a "b" & <c>')


@pytest.fixture
def write(tmp_path: Path):
    """Makes the files of a format, by name."""

    def make(kind, pictures=PICTURES):
        findings = Findings(
            tmp_path / "out/annotations",
            CLASSES,
            lambda: (SizedPicture(each, *each.size) for each in pictures),
        )
        return {name: "".join(pieces) for name, pieces in FORMATS[kind](findings)}

    return make


def test_coco_has_images_categories_and_annotations(write):
    files = write("coco")
    assert list(files) == ["annotations.json"]
    document = json.loads(files["annotations.json"])
    assert document["images"][:2] == [
        {"id": 1, "file_name": "a.png", "height": 10, "width": 20},
        {"id": 2, "file_name": "sub/b.x.jpg", "height": 10, "width": 20},
    ]
    assert document["categories"] == [
        {"id": number, "name": name} for number, name in enumerate(CLASSES, 1)
    ]
    assert document["annotations"][1:] == [
        {
            "id": 2,
            "image_id": 1,
            "category_id": 1,
            "segmentation": [[1, 2, 5, 2.5, 1, 6], [10, 2, 14, 2, 14, 6, 10, 6]],
            "bbox": [1, 2, 13, 4],
            "area": 24,
            "iscrowd": 0,
            "score": 0.5,
        },
        {
            "id": 3,
            "image_id": 3,
            "category_id": 3,
            "segmentation": [],
            "bbox": [2.5, 5, 10, 5],
            "area": 50.0,
            "iscrowd": 0,
            "score": 1.0,
        },
    ]


def test_labelme_has_a_file_for_each_picture(write):
    files = write("labelme")
    assert list(files) == ["a.json", "sub/b.x.json", "sub/_&_é_.json"]
    first, good, box = map(json.loads, files.values())
    assert {key: first[key] for key in ("flags", "imageData", "imageHeight", "imageWidth")} == {
        "flags": {},
        "imageData": None,
        "imageHeight": 10,
        "imageWidth": 20,
    }
    assert [(each["label"], each["group_id"]) for each in first["shapes"]] == [
        ("poke", None),
        ("crack", 2),
        ("crack", 2),
    ]
    assert first["shapes"][0]["points"] == [[1.0, 2.0], [5.0, 2.5], [1.0, 6.0]]
    assert good["shapes"] == []
    assert box["shapes"][0]["shape_type"] == "rectangle"
    assert box["shapes"][0]["points"] == [[2.5, 5.0], [12.5, 10.0]]


def test_labelme_finds_the_picture_from_its_file(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = write("labelme")
    for (name, text), picture in zip(files.items(), PICTURES, strict=True):
        folder = (tmp_path / "out/annotations" / name).parent
        way = folder / json.loads(text)["imagePath"]
        assert way.resolve() == (tmp_path / picture.path).resolve()
    assert json.loads(files["a.json"])["imagePath"] == "../../in/a.png"


def test_yolo_has_polygons_or_a_box_in_shares_of_the_sides(write):
    files = write("yolo")
    assert list(files)[1:] == ["labels/a.txt", "labels/sub/b.x.txt", "labels/sub/_&_é_.txt"]
    assert yaml.safe_load(files["data.yaml"]) == {
        "train": "images",
        "names": dict(enumerate(CLASSES)),
    }
    first, good, box = list(files.values())[1:]
    assert first.splitlines() == [
        "1 0.050000 0.200000 0.250000 0.250000 0.050000 0.600000",
        "0 0.050000 0.200000 0.250000 0.250000 0.050000 0.600000",
        "0 0.500000 0.200000 0.700000 0.200000 0.700000 0.600000 0.500000 0.600000",
    ]
    assert not good
    assert box == "2 0.375000 0.750000 0.500000 0.500000\n"


def test_cvat_has_all_pictures_in_one_document(write):
    files = write("cvat")
    assert list(files) == ["annotations.xml"]
    root = ET.fromstring(files["annotations.xml"])  # noqa: S314  (our own file)
    assert (root.tag, root.findtext("version")) == ("annotations", "1.1")
    assert [name.text for name in root.iterfind("meta/task/labels/label/name")] == list(CLASSES)
    first, good, box = root.iterfind("image")
    assert good.attrib == {"id": "1", "name": "sub/b.x.jpg", "width": "20", "height": "10"}
    assert box.get("name") == "sub/<&?é>.png"  # XML cannot hold every character
    assert [(each.tag, each.get("label"), each.get("group_id")) for each in first] == [
        ("polygon", "poke", None),
        ("polygon", "crack", "2"),
        ("polygon", "crack", "2"),
    ]
    assert first[0].get("points") == "1.00,2.00;5.00,2.50;1.00,6.00"
    sides = {"xtl": "2.50", "ytl": "5.00", "xbr": "12.50", "ybr": "10.00"}
    assert box[0].attrib == {
        "label": CLASSES[2],
        "source": "auto",
        "occluded": "0",
        "z_order": "0",
        **sides,
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_a_run_without_pictures_has_sound_files(write, kind):
    files = write(kind, ())
    for name, text in files.items():
        assert {".json": json.loads, ".yaml": yaml.safe_load, ".xml": ET.fromstring}[
            Path(name).suffix
        ](text) is not None
    assert bool(files) == (kind != "labelme")


def test_only_formats_with_a_file_for_each_picture_name_one():
    assert name_of_file("labelme", "line/a.b.png") == "line/a.b.json"
    assert name_of_file("yolo", "line/a.b.png") == "labels/line/a.b.txt"
    assert name_of_file("coco", "a.png") == name_of_file("cvat", "a.png") == ""
