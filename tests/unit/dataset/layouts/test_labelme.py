import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.errors import DataError

SQUARE = {"label": "crack", "shape_type": "polygon", "points": [[4, 3], [12, 3], [12, 9], [4, 9]]}


def save(root: Path, name: str, *shapes: dict[str, Any], **more: Any) -> None:
    """Saves a picture of 16 x 15 pixels and its file, as LabelMe writes it."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), np.zeros((15, 16, 3), np.uint8))
    document = {
        "version": "5.5.0",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": file.name,
        "imageData": None,
        "imageHeight": 15,
        "imageWidth": 16,
        **more,
    }
    file.with_suffix(".json").write_text(json.dumps(document), encoding="utf-8")


def png(mask: np.ndarray) -> str:
    return base64.b64encode(cv2.imencode(".png", mask)[1].tobytes()).decode()


def test_a_file_gives_class_and_mask_and_an_empty_one_says_good(tmp_path):
    save(tmp_path, "a.png", SQUARE)
    save(tmp_path, "line/b.png")
    found = discover(tmp_path)
    assert found.layout == "LabelMe"
    assert [(each.path, each.labels) for each in found.pictures] == [
        ("a.png", ("crack",)),
        ("line/b.png", ("good",)),
    ]
    expected = np.zeros((15, 16), bool)
    expected[3:9, 4:12] = True
    assert np.array_equal(found.pictures[0].make_mask(15, 16), expected)


def test_a_picture_without_a_file_is_left_out(tmp_path):
    save(tmp_path, "a.png", SQUARE)
    save(tmp_path, "b.png")
    (tmp_path / "b.json").unlink()
    save(tmp_path, "c.png")
    assert discover(tmp_path).stray_pictures == ("b.png",)


def test_circles_and_masks_are_filled(tmp_path):
    circle = {"label": "poke", "shape_type": "circle", "points": [[8, 7], [8, 12]]}
    save(tmp_path, "a.png", circle)
    small = np.array([[0, 1], [1, 1]], np.uint8)
    mask = {"label": "poke", "shape_type": "mask", "points": [[5, 6], [6, 7]], "mask": png(small)}
    save(tmp_path, "b.png", mask)
    save(tmp_path, "c.png")
    first, second, _ = discover(tmp_path).pictures
    inside = first.make_mask(15, 16)
    y, x = np.mgrid[:15, :16] + 0.5
    away = np.hypot(x - 8, y - 7)
    assert inside[away < 4.3].all()
    assert not inside[away > 5.7].any()
    assert np.argwhere(second.make_mask(15, 16)).tolist() == [[6, 6], [7, 5], [7, 6]]


@pytest.mark.parametrize("kind", ["rectangle", "line", "linestrip", "point"])
def test_shapes_without_pixels_give_the_class_alone(tmp_path, kind):
    save(tmp_path, "a.png", {"label": "poke", "shape_type": kind, "points": [[1, 1], [3, 4]]})
    save(tmp_path, "b.png")
    first, _ = discover(tmp_path).pictures
    assert (first.labels, first.has_mask) == (("poke",), False)


def test_the_larger_shape_decides_the_class(tmp_path):
    small = {"label": "poke", "points": [[0, 0], [2, 0], [2, 2]]}  # older files name no shape
    save(tmp_path, "a.png", small, SQUARE)
    save(tmp_path, "b.png")
    assert discover(tmp_path).pictures[0].labels == ("crack", "poke")


def test_class_folders_are_no_labelme(tmp_path):
    save(tmp_path, "good/a.png")
    save(tmp_path, "crack/b.png")
    assert discover(tmp_path).layout == "folder per class"


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({}, r"shapes\[0\] has no `label`"),
        ({"label": 3, "points": []}, r"shapes\[0\]\.label is not a text"),
        ({"label": "a", "points": [[1, 2], [3, 4]]}, r"points has fewer than three corners"),
        ({"label": "a", "points": [[1, 2, 3]]}, r"points\[0\] is not a list of x and y"),
        ({"label": "a", "points": [[1, "2"]]}, r"points\[0\]\[1\] is not a number"),
        ({"label": "a", "points": [[1, float("nan")]]}, r"points\[0\]\[1\] is not finite"),
        ({"label": "a", "shape_type": "circle", "points": [[1, 2]]}, r"centre of a circle"),
        ({"label": "a", "shape_type": "mask", "points": [[1, 2]], "mask": "-"}, r"cannot be deco"),
        ({"label": "a", "shape_type": "mask", "points": [], "mask": ""}, r"no corner of the mask"),
    ],
)
def test_a_damaged_shape_is_named_with_its_place(tmp_path, shape, said):
    save(tmp_path, "a.png", shape)
    with pytest.raises(DataError, match=said) as error:
        discover(tmp_path)
    assert "a.json' is damaged" in str(error.value)


@pytest.mark.parametrize("document", ["[]", '{"exposure": 12}', "{"])
def test_json_files_of_cameras_claim_no_folder(tmp_path, document):
    for name in ("gut/a.png", "crack/b.png"):
        save(tmp_path, name)
        (tmp_path / name).with_suffix(".json").write_text(document)
    assert discover(tmp_path, good="gut").layout == "folder per class"


def test_flags_are_classes_where_there_are_no_shapes(tmp_path):
    save(tmp_path, "a.png", flags={"poke": True, "crack": False})
    save(tmp_path, "b.png")
    first, _ = discover(tmp_path).pictures
    assert (first.labels, first.has_mask) == (("poke",), False)


def test_a_file_belongs_to_the_picture_that_it_names(tmp_path):
    save(tmp_path, "a.png", SQUARE)
    save(tmp_path, "b.png")
    assert cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((15, 16, 3), np.uint8))
    found = discover(tmp_path)
    assert [each.path for each in found.pictures] == ["a.png", "b.png"]
    assert found.stray_pictures == ("a.jpg",)


def test_a_picture_of_another_size_is_told_when_it_is_read(tmp_path):
    save(tmp_path, "a.png", SQUARE, imageHeight=30)
    save(tmp_path, "b.png")
    with pytest.raises(DataError, match="had 16 x 30 when it was annotated"):
        discover(tmp_path).pictures[0].make_mask(15, 16)


def test_a_circle_without_bounds_is_refused(tmp_path):
    circle = {"label": "a", "shape_type": "circle", "points": [[1e308, -1e308], [-1e308, 1e308]]}
    save(tmp_path, "a.png", circle)
    with pytest.raises(DataError, match="too far away"):
        discover(tmp_path)


def test_outlines_beside_boxes_are_refused(tmp_path):
    save(tmp_path, "a.png", SQUARE, {**SQUARE, "shape_type": "rectangle"})
    with pytest.raises(DataError, match="shapes holds outlines and shapes without pixels"):
        discover(tmp_path)


@pytest.mark.parametrize(
    ("mask", "said"),
    [(png(np.ones((9, 9), np.uint8)), "reaches beyond its picture"), ("AAAA", "cannot be read")],
)
def test_a_mask_that_does_not_fit_is_told_when_it_is_read(tmp_path, mask, said):
    shape = {"label": "a", "shape_type": "mask", "points": [[10, 3]], "mask": mask}
    save(tmp_path, "a.png", shape)
    save(tmp_path, "b.png")
    first, _ = discover(tmp_path).pictures
    with pytest.raises(DataError, match=said):
        first.make_mask(15, 16)


def test_a_damaged_file_is_the_problem_of_its_picture(tmp_path):
    save(tmp_path, "a.png", {"label": "a", "points": [[1, 2], [3, 4]]})
    save(tmp_path, "b.png")
    save(tmp_path, "c.png", SQUARE)
    first, second, third = discover(tmp_path).pictures
    assert "a.json' is damaged: shapes[0].points has fewer than three corners" in first.problem
    assert (first.labels, second.labels, third.labels) == ((), ("good",), ("crack",))


def test_a_flag_that_says_good_contradicts_shapes(tmp_path):
    save(tmp_path, "a.png", SQUARE, flags={"good": True, "poke": True})
    save(tmp_path, "b.png")
    assert discover(tmp_path).pictures[0].labels == ("crack", "good")
