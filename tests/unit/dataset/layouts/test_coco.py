import json
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.dataset.problems import UnfitDataError
from capsule_inspect.errors import DataError
from capsule_inspect.settings.groups import DataSettings

PLAIN = DataSettings(val=0.0, test=0.0)
CATEGORIES = [{"id": 3, "name": "crack"}, {"id": 7, "name": "poke"}]


def as_compressed_runs(mask: np.ndarray) -> dict[str, Any]:
    coded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": coded["size"], "counts": coded["counts"].decode()}


def as_runs(mask: np.ndarray) -> dict[str, Any]:
    column_major = [0, *mask.ravel(order="F").astype(int).tolist()]
    edges = [i for i in range(len(column_major) - 1) if column_major[i] != column_major[i + 1]]
    counts = np.diff([0, *edges, mask.size]).tolist()
    return {"size": list(mask.shape), "counts": counts}


def write(root: Path, data: DataSet, segmentation, name: str = "annotations.json") -> Path:
    """Copies a data set into COCO's format."""
    classes = {label: number for number, label in enumerate(data.classes)}
    images, annotations = [], []
    for number, sample in enumerate(data.samples):
        picture, mask = data.read(sample)
        (root / "images").mkdir(parents=True, exist_ok=True)
        shutil.copy(data.root / sample.path, root / "images")
        file = Path(sample.path).name
        images.append(
            {"id": number, "file_name": file, "height": len(picture), "width": picture.shape[1]}
        )
        if sample.label != "good":
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "category_id": classes[sample.label],
                    "segmentation": segmentation(mask),
                    "area": int(mask.sum()),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": label} for label, number in classes.items()]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(json.dumps(document), encoding="utf-8")
    return root


@pytest.mark.parametrize("runs", [as_compressed_runs, as_runs])
def test_run_lengths_give_the_data_set_they_were_made_from(drawn, tmp_path, assert_same, runs):
    source = write(tmp_path / "coco", drawn, runs, "annotations/instances_default.json")
    prepare_dataset(source, tmp_path / "out", PLAIN)
    assert_same(read_dataset(tmp_path / "out"), drawn)


def test_polygons_are_filled_to_within_a_pixel_of_their_outline(
    drawn, tmp_path, outlines_of, assert_near
):
    def as_polygons(mask: np.ndarray) -> list[list[float]]:
        return [outline.ravel().tolist() for outline in outlines_of(mask)]

    prepare_dataset(write(tmp_path / "coco", drawn, as_polygons), tmp_path / "out", PLAIN)
    assert_near(read_dataset(tmp_path / "out"), drawn)


def small(**changes) -> dict[str, Any]:
    """A file of two pictures, the second with a square crack."""
    document = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "annotations": [
            {"image_id": 2, "category_id": 3, "segmentation": [[2, 2, 6, 2, 6, 6, 2, 6]]}
        ],
        "categories": CATEGORIES,
    }
    return {**document, **changes}


def lay(root: Path, document: object, file: str = "annotations.json", folder: str = "") -> Path:
    for name in ("a.png", "b.png"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(root / folder / name), np.zeros((9, 12, 3), np.uint8))
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document)
    (root / file).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("annotations.json", ""),
        ("annotations.json", "images"),
        ("instances_default.json", "images/deeper"),
        ("annotations/anything.json", "images"),
        ("capsules_coco.json", "pictures"),
        ("_annotations.coco.json", ""),
    ],
)
def test_pictures_are_found_where_people_have_them(tmp_path, file, folder):
    found = discover(lay(tmp_path, small(), file, folder))
    assert found.layout == "COCO"
    prefix = f"{folder}/" if folder else ""
    assert [(each.path, each.labels) for each in found.pictures] == [
        (f"{prefix}a.png", ("good",)),
        (f"{prefix}b.png", ("crack",)),
    ]
    expected = np.zeros((9, 12), bool)
    expected[2:6, 2:6] = True
    assert np.array_equal(found.pictures[1].make_mask(9, 12), expected)


def test_files_of_splits_give_their_split(tmp_path):
    for split in ("train", "valid"):
        lay(tmp_path, small(), f"{split}/_annotations.coco.json", split)
    found = discover(tmp_path)
    assert found.is_split
    assert {each.path: each.split for each in found.pictures} == {
        "train/a.png": "train",
        "train/b.png": "train",
        "valid/a.png": "val",
        "valid/b.png": "val",
    }


def test_the_class_that_covers_most_comes_first_and_all_regions_make_the_mask(tmp_path):
    regions = [
        {"image_id": 1, "category_id": 3, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]], "area": 4},
        {"image_id": 1, "category_id": 7, "segmentation": [[3, 3, 9, 3, 9, 9, 3, 9]], "area": 36},
    ]
    found = discover(lay(tmp_path, small(annotations=regions)))
    assert found.pictures[0].labels == ("poke", "crack")
    assert found.pictures[0].make_mask(9, 12).sum() == 40


def test_boxes_alone_give_a_class_and_no_mask(tmp_path):
    boxes = [{"image_id": 2, "category_id": 7, "bbox": [1, 1, 4, 4], "segmentation": []}]
    found = discover(lay(tmp_path, small(annotations=boxes)))
    assert [(each.labels, each.has_mask) for each in found.pictures] == [
        (("good",), False),
        (("poke",), False),
    ]


def test_pictures_that_the_file_does_not_name_are_strays(tmp_path):
    lay(tmp_path, small(), folder="more")
    found = discover(lay(tmp_path, small()))
    assert found.stray_pictures == ("more/a.png", "more/b.png")


def test_class_folders_win_over_a_file_beside_them(tmp_path):
    for label in ("good", "crack"):
        lay(tmp_path, small(), folder=label)
    assert discover(tmp_path).layout == "folder per class"


def of_crack(**changes) -> dict[str, Any]:
    return small(annotations=[{"image_id": 2, "category_id": 3, **changes}])


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ('{"images": [], "annotations": [', r"is damaged: .*line 1"),
        ('{"images": 1, "annotations": ' + "[" * 100_000, r"nested too deeply|is damaged"),
        ('["images", "annotations"]', r"the document is not an object"),
        (small(images={}), r"images is not a list"),
        (small(images=[3]), r"images\[0\] is not an object"),
        (small(images=[{"id": 1}], annotations=[]), r"images\[0\] has no `file_name`"),
        (small(images=[{"id": 2, "file_name": "c.png"}]), r"names the picture 'c\.png', which is"),
        (of_crack(image_id=9), r"annotations\[0\]\.image_id is 9, which no image"),
        (of_crack(category_id=9), r"annotations\[0\]\.category_id is 9, which no category"),
        (of_crack(category_id=3.5), r"category_id is no id"),
        (
            small(images=[*small()["images"], {"id": 1, "file_name": "b.png"}]),
            r"images\[2\] has the `id` 1 of images\[0\]",
        ),
        (
            small(categories=[*CATEGORIES, {"id": 3, "name": "poke"}]),
            r"categories\[2\] has the `id` 3",
        ),
        (of_crack(segmentation=[[1, 2, 3, 4]]), r"segmentation\[0\] is no polygon of at least"),
        (of_crack(segmentation=[[1, 2, 3, 4, 5, "6"]]), r"segmentation\[0\]\[5\] is not a number"),
        (of_crack(segmentation={"size": [9, 12]}), r"segmentation has no `counts`"),
        (of_crack(segmentation={"size": [9], "counts": "1"}), r"size is not a list of height"),
        (of_crack(segmentation={"size": [9, 12], "counts": "\x7f"}), r"counts cannot be decoded"),
        (of_crack(bbox=[1, 2, 3]), r"bbox is not a list of four numbers"),
        (small(categories=None), r"the document has no `categories`"),
        (small(categories=[{"id": 3, "name": " "}]), r"categories\[0\]\.name is not a text"),
    ],
)
def test_a_damaged_file_is_named_with_the_place_and_what_to_do(tmp_path, complaint, document, said):
    told = complaint(lay(tmp_path, document))
    assert re.search(said, told)
    assert "annotations.json'" in told


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ({"size": [12, 9], "counts": [108]}, r"is for 9 x 12 pixels, but its picture has 12 x 9"),
        ({"size": [9, 12], "counts": [100]}, r"do not add up to 9 x 12 pixels"),
        ({"size": [9, 12], "counts": [-1, 109]}, r"do not add up"),
    ],
)
def test_runs_that_do_not_fit_their_picture_are_told_when_it_is_read(tmp_path, runs, said):
    found = discover(lay(tmp_path, of_crack(segmentation=runs)))
    with pytest.raises(DataError, match=said):
        found.pictures[1].make_mask(9, 12)


def test_ids_are_compared_as_they_stand(tmp_path):
    ids = [2**60, 2**60 + 1]
    images = [
        {"id": number, "file_name": name}
        for number, name in zip(ids, ("a.png", "b.png"), strict=True)
    ]
    regions = [{**small()["annotations"][0], "image_id": ids[1]}]
    found = discover(lay(tmp_path, small(images=images, annotations=regions)))
    assert [each.label for each in found.pictures] == ["good", "crack"]


def test_ids_can_be_text(tmp_path):
    images = [{"id": "x", "file_name": "a.png"}, {"id": "y", "file_name": "b.png"}]
    regions = [{**small()["annotations"][0], "image_id": "x"}]
    found = discover(lay(tmp_path, small(images=images, annotations=regions)))
    assert [each.label for each in found.pictures] == ["crack", "good"]


def test_without_areas_those_of_the_polygons_count(tmp_path):
    regions = [
        {"image_id": 1, "category_id": 3, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]},
        {"image_id": 1, "category_id": 7, "segmentation": [[3, 3, 9, 3, 9, 9, 3, 9]]},
    ]
    found = discover(lay(tmp_path, small(annotations=regions)))
    assert found.pictures[0].labels == ("poke", "crack")


def test_a_picture_of_another_size_than_the_file_says_is_told_when_it_is_read(tmp_path):
    images = [{"id": 2, "file_name": "b.png", "height": 18, "width": 24}]
    first = {"id": 1, "file_name": "a.png"}
    found = discover(lay(tmp_path, small(images=[first, *images])))
    with pytest.raises(DataError, match="has 12 x 9 pixels, but had 24 x 18 when it was annotated"):
        found.pictures[1].make_mask(9, 12)


def test_a_picture_of_another_folder_never_takes_the_place_of_a_missing_one(tmp_path, complaint):
    images = [{"id": 2, "file_name": "line1/b.png"}]
    lay(tmp_path, small(images=images), folder="line2")
    assert "names the picture 'line1/b.png', which is not in the folder" in complaint(tmp_path)


@pytest.mark.parametrize("name", ["/home/me/b.png", "D:\\pictures\\b.png", "../set/b.png"])
def test_a_path_on_another_machine_is_found_by_its_name(tmp_path, name):
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": name}]
    found = discover(lay(tmp_path, small(images=images), folder="deep/er"))
    assert [each.path for each in found.pictures] == ["deep/er/a.png", "deep/er/b.png"]


def test_a_picture_of_another_split_never_takes_the_place_of_a_missing_one(tmp_path, complaint):
    lay(tmp_path, small(), "train/_annotations.coco.json", "train")
    lay(tmp_path, small(), "valid/_annotations.coco.json", "valid")
    (tmp_path / "train/b.png").unlink()
    assert "names the picture 'b.png', which is not in the folder" in complaint(tmp_path)


@pytest.mark.parametrize("text", ['{"note": 1}', "{", ""])
def test_another_json_file_claims_no_folder(tmp_path, text):
    for label in ("good", "crack"):
        for split in ("train", "val"):
            lay(tmp_path, small(), folder=f"{split}/{label}")
    (tmp_path / "annotations.json").write_text(text)
    (tmp_path / "data.yaml").write_text("names: [crack, good]\ntrain: train\nval: val\n")
    (tmp_path / "train").joinpath("._annotations.coco.json").write_bytes(b"\0\5\x16\7")
    assert discover(tmp_path).layout == "split folders"


def test_a_name_of_several_pictures_is_refused(tmp_path, complaint):
    for folder in ("one", "two"):
        lay(tmp_path, small(), folder=folder)
    assert "images[0].file_name is 'a.png', of which there are 2" in complaint(tmp_path)


def test_regions_with_and_without_pixels_in_one_picture_are_refused(tmp_path, complaint):
    regions = [*small()["annotations"], {"image_id": 2, "category_id": 3, "bbox": [1, 1, 2, 2]}]
    told = complaint(lay(tmp_path, small(annotations=regions)))
    assert "images[1] has regions with a `segmentation`" in told


def test_one_bad_region_is_the_problem_of_its_picture_alone(tmp_path):
    more = [*small()["images"], {"id": 4, "file_name": "gone.png"}]
    bad = {"image_id": 1, "category_id": 3, "segmentation": [[1, 2]]}
    document = small(images=more, annotations=[*small()["annotations"], bad])
    lay(tmp_path / "coco", document)
    assert cv2.imwrite(str(tmp_path / "coco/c.png"), np.full((9, 12, 3), 9, np.uint8))
    document["images"].append({"id": 5, "file_name": "c.png"})
    (tmp_path / "coco/annotations.json").write_text(json.dumps(document))
    with pytest.raises(UnfitDataError, match="has 2 problems") as refusal:
        prepare_dataset(tmp_path / "coco", tmp_path / "out", PLAIN)
    told = {each.path: each.message for each in refusal.value.problems if each.fatal}
    assert sorted(told) == ["a.png", "gone.png"]
    assert "annotations[1].segmentation[0] is no polygon" in told["a.png"]
    assert not (tmp_path / "out").exists()
    data = prepare_dataset(tmp_path / "coco", tmp_path / "out", PLAIN, skip_bad=True).data
    assert [(each.path, each.label) for each in data.samples] == [
        ("b.png", "crack"),
        ("c.png", "good"),
    ]


def test_a_name_is_the_same_in_every_spelling_of_unicode(tmp_path):
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b\u00e9.png"}]
    lay(tmp_path, small(images=images))
    (tmp_path / "b.png").rename(tmp_path / "be\u0301.png")
    assert [each.path for each in discover(tmp_path).pictures] == ["a.png", "be\u0301.png"]
