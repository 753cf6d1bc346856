import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.settings.groups import DataSettings

PLAIN = DataSettings(val=0.0, test=0.0)
FILE = "project-3-at-2024-05-06-10-20-abcdef01.json"


def code_brush(mask: np.ndarray) -> list[int]:
    """Codes a mask as Label Studio does: bits, and the value of each pixel four times."""
    values = np.repeat(mask.ravel() * 255, 4).tolist()
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    for value, run in itertools.groupby(values):
        left = len(list(run))
        while left:
            length = min(left, 2**16)
            bits += f"111{length - 1:016b}{value:08b}"
            left -= length
    bits += "0" * (-len(bits) % 8)
    return [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]


def result(kind: str, label: str, size: tuple[int, int] = (15, 16), **value: Any) -> dict[str, Any]:
    return {
        "id": "Dx_aB91ISN",
        "type": kind,
        "from_name": "tag",
        "to_name": "image",
        "original_width": size[1],
        "original_height": size[0],
        "image_rotation": 0,
        "value": {**value, kind: [label]},
    }


def task(image: str, *annotations: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "annotations": [
            {"id": number, "completed_by": number, "result": each, "was_cancelled": False}
            for number, each in enumerate(annotations)
        ],
        "predictions": [],
        "data": {"image": image},
        **more,
    }


def write(root: Path, data: DataSet, results) -> Path:
    """Copies a data set into Label Studio's format."""
    (root / "media").mkdir(parents=True)
    tasks = []
    for sample in data.samples:
        _, mask = data.read(sample)
        name = Path(sample.path).name
        shutil.copy(data.root / sample.path, root / "media")
        own = results(mask, sample.label) if sample.label != "good" else []
        tasks.append(task(f"/data/upload/3/1a2b3c4d-{name}", own))
    (root / FILE).write_text(json.dumps(tasks), encoding="utf-8")
    return root


def test_brushes_give_the_data_set_they_were_made_from(drawn, tmp_path, assert_same):
    def as_brush(mask, label):
        return [result("brushlabels", label, mask.shape, format="rle", rle=code_brush(mask))]

    prepare_dataset(write(tmp_path / "in", drawn, as_brush), tmp_path / "out", PLAIN)
    assert_same(read_dataset(tmp_path / "out"), drawn)


def test_polygons_are_filled_to_within_a_pixel(drawn, tmp_path, outlines_of, assert_near):
    def as_polygons(mask, label):
        height, width = mask.shape
        for outline in outlines_of(mask):
            points = (outline * 100 / [width, height]).tolist()
            yield result("polygonlabels", label, mask.shape, points=points, closed=True)

    source = write(tmp_path / "in", drawn, lambda *given: list(as_polygons(*given)))
    prepare_dataset(source, tmp_path / "out", PLAIN)
    assert_near(read_dataset(tmp_path / "out"), drawn)


def picture(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(root / name), np.full((15, 16, 3), number, np.uint8))


def lay(root: Path, *tasks: object, file: str = FILE) -> Path:
    root.mkdir(exist_ok=True)
    (root / file).write_text(json.dumps(tasks), encoding="utf-8")
    return root


SQUARE = result("polygonlabels", "crack", points=[[25, 20], [75, 20], [75, 60], [25, 60]])
"""8 x 6 pixels, 4 from the left and 3 from the top, in a picture of 16 x 15."""
BOX = result("rectanglelabels", "poke", x=5, y=5, width=20, height=20, rotation=30)


def of_one(root: Path, *results: dict[str, Any]) -> Path:
    """A picture with these results, and a good one."""
    picture(root, "a.png", "b.png")
    return lay(root, task("a.png", list(results)), task("b.png", []))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/upload/3/1a2b3c4d-name.png", "name.png"),
        ("/data/upload/3/1a2b3c4d-name.png", "deep/er/1a2b3c4d-name.png"),
        ("/data/local-files/?d=dir/my%20name.png", "dir/my name.png"),
        ("/data/local-files/?d=dir%5Cmy%20name.png", "my name.png"),
        ("s3://bucket/key/name.png", "pictures/name.png"),
        ("s3://bucket/key/name#1.png", "pictures/name#1.png"),
        ("https://example.com/a/n%C3%A4me.png?token=1", "na\u0308me.png"),
        ("C:\\pictures\\name.png", "name.png"),
        ("name.png", "name.png"),
    ],
)
def test_a_picture_is_found_by_its_name(tmp_path, address, name):
    picture(tmp_path, name, "b.png", "unseen.png")
    unseen = {**task("unseen.png"), "annotations": []}
    found = discover(lay(tmp_path, task(address, [SQUARE]), task("b.png", []), unseen))
    assert (found.layout, found.stray_pictures) == ("Label Studio", ("unseen.png",))
    assert {each.path: each.labels for each in found.pictures} == {
        name: ("crack",),
        "b.png": ("good",),
    }
    expected = np.zeros((15, 16), bool)
    expected[3:9, 4:12] = True
    (first,) = (each for each in found.pictures if each.path == name)
    assert np.array_equal(first.make_mask(15, 16), expected)


def test_of_several_pictures_the_one_in_the_same_folder_is_taken(tmp_path, complaint):
    picture(tmp_path, "one/a.png", "two/a.png", "b.png")
    lay(tmp_path, task("/data/local-files/?d=set/two/a.png", [SQUARE]), task("b.png", []))
    assert [each.path for each in discover(tmp_path).pictures] == ["b.png", "two/a.png"]
    lay(tmp_path, task("/data/upload/3/a.png", [SQUARE]), task("b.png", []))
    assert (
        "tasks[0].data.image is '/data/upload/3/a.png', of which there are 2: one/a.png, two/a.png"
        in complaint(tmp_path)
    )


@pytest.mark.parametrize("rotation", [0, 40])
def test_an_ellipse_is_turned_clockwise_as_it_is_seen(tmp_path, rotation):
    shape = {"x": 50, "y": 50, "radiusX": 40, "radiusY": 20, "rotation": rotation}
    of_one(tmp_path, result("ellipselabels", "poke", **shape))
    mask = discover(tmp_path).pictures[0].make_mask(15, 16)
    y, x = np.mgrid[:15, :16] + 0.5
    angle = np.radians(rotation)
    along = (x - 8) * np.cos(angle) + (y - 7.5) * np.sin(angle)
    across = (y - 7.5) * np.cos(angle) - (x - 8) * np.sin(angle)
    assert mask[np.hypot(along / 5.6, across / 2.2) < 1].all()
    assert not mask[np.hypot(along / 7.2, across / 3.8) > 1].any()


@pytest.mark.parametrize(
    "item",
    [
        BOX,
        result("keypointlabels", "poke", x=5, y=5, width=0.5),
        {"type": "choices", "value": {"choices": ["poke"]}, "from_name": "c", "to_name": "image"},
    ],
)
def test_what_shows_no_pixels_gives_the_class_alone(tmp_path, item):
    text = {"id": "t", "type": "textarea", "value": {"text": ["odd"]}}
    first, _ = discover(of_one(tmp_path, item, text)).pictures
    assert (first.labels, first.has_mask) == (("poke",), False)


def test_a_region_and_its_label_may_be_two_results(tmp_path):
    plain = {**SQUARE, "type": "polygon", "value": {"points": SQUARE["value"]["points"]}}
    label = {**plain, "type": "labels", "value": {**plain["value"], "labels": ["crack"]}}
    first, _ = discover(of_one(tmp_path, plain, label)).pictures
    assert first.labels == ("crack",)
    assert first.make_mask(15, 16).sum() == 48


def test_the_class_that_covers_most_comes_first(tmp_path):
    mask = np.zeros((15, 16), np.uint8)
    mask[:10, :10] = 1
    brush = result("brushlabels", "poke", format="rle", rle=code_brush(mask))
    first, _ = discover(of_one(tmp_path, SQUARE, brush)).pictures
    assert first.labels == ("poke", "crack")
    both = mask > 0
    both[3:9, 4:12] = True
    assert np.array_equal(first.make_mask(15, 16), both)


def test_of_several_people_the_last_counts_if_they_agree(tmp_path, complaint):
    picture(tmp_path, "a.png", "b.png")
    other = result("polygonlabels", "crack", points=[[0, 0], [50, 0], [50, 20], [0, 20]])
    lay(tmp_path, task("a.png", [SQUARE], [other]), task("b.png", []))
    assert discover(tmp_path).pictures[0].make_mask(15, 16).sum() == 24
    lay(tmp_path, task("a.png", [SQUARE], [BOX]), task("b.png", []))
    assert "tasks[0] has annotations that do not agree: crack and poke." in complaint(tmp_path)


def test_cancelled_annotations_are_left_out(tmp_path):
    picture(tmp_path, "a.png", "b.png", "c.png")
    first = task("a.png", [SQUARE], [BOX])
    first["annotations"][1]["was_cancelled"] = True
    third = task("c.png", [BOX])
    third["annotations"][0]["was_cancelled"] = True
    found = discover(lay(tmp_path, first, task("b.png", []), third))
    assert [(each.path, each.labels) for each in found.pictures] == [
        ("a.png", ("crack",)),
        ("b.png", ("good",)),
    ]
    assert found.stray_pictures == ("c.png",)


def row(number: int, image: str, **more: Any) -> dict[str, Any]:
    """A row of JSON_MIN."""
    facts = {"annotator": 1, "annotation_id": number, "lead_time": 3.5, "created_at": "2024"}
    return {"id": number, "image": image, **more, **facts}


def in_row(item: dict[str, Any]) -> dict[str, Any]:
    sizes = {key: item[key] for key in ("original_width", "original_height")}
    return {**item["value"], **sizes}


def test_json_min_is_read(tmp_path):
    picture(tmp_path, "a.png", "b.png", "c.png", "d.png")
    lay(
        tmp_path,
        row(1, "/data/upload/1/1a2b3c4d-a.png", label=[in_row(SQUARE)], note="see there"),
        row(2, "b.png"),
        row(3, "c.png", choice="poke"),
        row(4, "d.png", kind={"choices": ["poke"]}),
    )
    found = discover(tmp_path).pictures
    assert [each.labels for each in found] == [("crack",), ("good",), ("poke",), ("poke",)]
    assert found[0].make_mask(15, 16).sum() == 48


def test_a_text_of_json_min_that_may_be_a_class_is_refused(tmp_path, complaint):
    picture(tmp_path, "a.png", "b.png")
    told = complaint(lay(tmp_path, row(1, "a.png", defect="crack"), row(2, "b.png")))
    assert "tasks[0].defect may be the class or not; export as `JSON` in place of" in told


def changed(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A result with other members of its value; None takes one out."""
    value = {key: each for key, each in {**item["value"], **more}.items() if each is not None}
    return {**item, "value": value}


BRUSH = result("brushlabels", "crack", format="rle", rle=code_brush(np.ones((15, 16), np.uint8)))
RESULT = "tasks[0].annotations[0].result[0]"


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({}, f"{RESULT} has no `type`"),
        ({"type": "polygonlabels"}, f"{RESULT} has no `value`"),
        (changed(SQUARE, polygonlabels=[]), f"{RESULT} has no label"),
        (changed(SQUARE, polygonlabels=None), f"{RESULT} has no label"),
        (changed(SQUARE, polygonlabels=[3]), f"{RESULT}.value.polygonlabels[0] is not a text"),
        (changed(SQUARE, points=[[1, 2], [3, 4]]), f"{RESULT}.value.points has fewer than three"),
        (changed(SQUARE, points=[[1, 2, 3]]), f"{RESULT}.value.points[0] is not a list of x and y"),
        (changed(SQUARE, points=[[1, "2"]]), f"{RESULT}.value.points[0][1] is not a number"),
        (changed(SQUARE, points=None), f"{RESULT}.value is a region of a kind that is not read"),
        ({**SQUARE, "image_rotation": 90}, f"{RESULT}.image_rotation is not 0: the picture was"),
        ({**SQUARE, "type": "taxonomy", "value": {"taxonomy": [["a"]]}}, f"{RESULT} has no label"),
        (
            result("ellipselabels", "a", x=5, y=5, radiusX=5, radiusY=0),
            f"{RESULT}.value has no radius",
        ),
        (changed(BRUSH, rle=BRUSH["value"]["rle"][:-3]), f"{RESULT}.value.rle cannot be decoded"),
        (changed(BRUSH, rle=[0, 256]), f"{RESULT}.value.rle is not a list of numbers from 0"),
        (changed(BRUSH, rle="eJw"), f"{RESULT}.value.rle is not a list"),
        (changed(BRUSH, format="png"), f"{RESULT}.value.format is not `rle`"),
        ({**BRUSH, "original_width": 17}, f"{RESULT}.value.rle cannot be decoded: it holds 960"),
        ({**BRUSH, "original_width": 10**9}, f"{RESULT}.value is of a picture that is too large"),
        ({**BRUSH, "original_width": None}, f"{RESULT}.value has no `original_width` and"),
    ],
)
def test_a_damaged_result_is_the_problem_of_its_picture(tmp_path, complaint, item, said):
    told = complaint(of_one(tmp_path, item))
    assert said in told
    assert f"{FILE}' is damaged" in told
    (good,) = (each for each in discover(tmp_path).pictures if not each.problem)
    assert good.labels == ("good",)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ('[{"annotations": [], "data": {"result"', "is damaged: "),
        ('{"annotations": 1, "data": 2, "result": 3}', "tasks is not a list"),
        ('[3, "annotations", "data", "result"]', "tasks[0] is not an object"),
        ('[{"data": {"image": "a.png"}, "annotations": {"result": 1}}]', "annotations is not a l"),
        ('[{"data": {"image": "a.png"}, "annotations": [{"result": 1}]}]', "result is not a list"),
        ('[{"data": {"n": 1}, "annotations": [{"result": []}]}]', "tasks[0].data has no `image`"),
        (
            '[{"data": {"l": "a.png", "r": "b.png"}, "annotations": [{"result": []}]}]',
            "tasks[0].data names 2 pictures",
        ),
        (
            '[{"data": {"image": "/x/gone.png"}, "annotations": [{"result": []}]}]',
            "names the picture '/x/gone.png' in tasks[0].data.image, which is not in the folder",
        ),
        ('[{"annotator": 1, "annotation_id": 1, "lead_time": 1}]', "tasks[0] has no `id`"),
    ],
)
def test_a_damaged_file_is_named_with_the_place(tmp_path, complaint, document, said):
    picture(tmp_path, "a.png", "b.png")
    (tmp_path / FILE).write_text(document)
    told = complaint(tmp_path)
    assert said in told
    assert f"{FILE}'" in told


def test_regions_with_and_without_pixels_are_refused(tmp_path, complaint):
    told = complaint(of_one(tmp_path, SQUARE, BOX))
    assert "tasks[0].annotations[0] holds outlines and regions without pixels" in told


def test_a_picture_of_another_size_is_its_problem(tmp_path):
    of_one(tmp_path / "in", SQUARE)
    assert cv2.imwrite(str(tmp_path / "in/a.png"), np.zeros((30, 16, 3), np.uint8))
    prepared = prepare_dataset(tmp_path / "in", tmp_path / "out", PLAIN, skip_bad=True)
    (fatal,) = [each for each in prepared.problems if each.fatal]
    assert (fatal.path, "had 16 x 15 when it was" in fatal.message) == ("a.png", True)


@pytest.mark.parametrize("text", ['{"data": 1}', "[", "", '[{"annotations": []}]'])
def test_another_json_file_claims_no_folder(tmp_path, text):
    picture(tmp_path, "train/good/a.png", "train/crack/b.png", "val/good/c.png")
    (tmp_path / FILE).write_text(text)
    assert discover(tmp_path).layout == "split folders"
