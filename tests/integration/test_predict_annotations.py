"""`capsule-inspect predict --annotations`, read back by the tools of the formats and `prepare`."""

import csv
import shutil
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from capsule_inspect.choices import GOOD
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.inference.records import Record, read_records

FORMATS = ("coco", "labelme", "yolo", "cvat")
SIDE = 320


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """Pictures in two folders of the same names, one of them without a capsule."""
    folder = tmp_path_factory.mktemp("drawn") / "in"
    labels = (GOOD, *DEFECTS, *DEFECTS, *DEFECTS)
    for seed, label in enumerate((*labels, *labels)):
        place = folder / ("line 1" if seed < len(labels) else "line 2")
        place.mkdir(parents=True, exist_ok=True)
        picture = draw_capsule(label, seed, SIDE).picture
        assert cv2.imwrite(str(place / f"{seed % len(labels):02d}.png"), picture[..., ::-1])
    assert cv2.imwrite(str(folder / "none.png"), np.full((SIDE, SIDE, 3), 200, np.uint8))
    return folder


@pytest.fixture(scope="module")
def results(drawn, command) -> Callable[[str], Path]:
    """Gives the results folder of a format; its run is made once."""

    @cache
    def run(kind: str) -> Path:
        out = drawn.parent / kind
        done = command(
            *("predict", drawn, "-r", "-o", out, "--annotations", kind),
            *("--masks", "--no-overlays", "-j", 2),
        )
        assert done.returncode == 0, done.stderr
        return out

    return run


def rows_by_name(out: Path, drawn: Path) -> dict[str, list[Record]]:
    found = defaultdict(list)
    for row in read_records(out / "predictions.csv"):
        found[Path(row.path).relative_to(drawn).as_posix()].append(row)
    return found


def defects(out: Path, drawn: Path) -> list[tuple[str, str]]:
    """The name and the label of each defect, in the order of the rows."""
    return [
        (name, row.label)
        for name, rows in rows_by_name(out, drawn).items()
        for row in rows
        if row.status == "ok" and row.label != GOOD
    ]


def mask_of(out: Path, name: str) -> np.ndarray:
    return cv2.imread(str(out / f"masks/{name}.png"), cv2.IMREAD_UNCHANGED) > 0


def assert_within_a_pixel(mask, other, name, reach=1):
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    least, most = (change(mask.astype(np.uint8), kernel) for change in (cv2.erode, cv2.dilate))
    assert not (other < least).any(), name
    assert not (other > most).any(), name


def test_the_pictures_show_something_to_annotate(results, drawn):
    out = results("coco")
    assert len({label for _, label in defects(out, drawn)}) >= 3
    assert rows_by_name(out, drawn)["none.png"][0].status == "no_capsule"


@pytest.mark.parametrize("kind", FORMATS)
def test_the_folder_is_as_its_run_left_it(results, invoke, kind):
    assert invoke("verify", results(kind)).exit_code == 0


@pytest.mark.parametrize("kind", FORMATS)
def test_prepare_reads_the_predicted_labels_and_masks(results, drawn, invoke, tmp_path, kind):
    out = results(kind)
    shutil.copytree(drawn, tmp_path / "in" / ("" if kind == "labelme" else "images"))
    shutil.copytree(out / "annotations", tmp_path / "in", dirs_exist_ok=True)
    done = invoke("prepare", tmp_path / "in", tmp_path / "data", "--split", "new")
    assert done.exit_code == 0, done.err
    with (tmp_path / "data/manifest.csv").open(newline="", encoding="utf-8") as file:
        found = {row["path"].removeprefix("images/"): row for row in csv.DictReader(file)}
    rows = rows_by_name(out, drawn)
    assert found.keys() == rows.keys()
    for name, each in found.items():
        assert each["label"] == (rows[name][0].label or GOOD)  # also without a capsule
        assert bool(each["mask"]) == (each["label"] != GOOD)
        if each["mask"]:
            mask = cv2.imread(str(tmp_path / "data" / each["mask"]), cv2.IMREAD_UNCHANGED) > 0
            assert_within_a_pixel(mask_of(out, name), mask, name)


def test_pycocotools_opens_coco(results, drawn):
    out = results("coco")
    coco = pytest.importorskip("pycocotools.coco").COCO(out / "annotations/annotations.json")
    assert len(coco.imgs) == len(rows_by_name(out, drawn))
    found = []
    for number, image in coco.imgs.items():
        annotations = coco.imgToAnns[number]
        name = image["file_name"]
        found += [(name, coco.cats[each["category_id"]]["name"]) for each in annotations]
        for each in annotations:
            mask = coco.annToMask(each) > 0
            assert_within_a_pixel(mask_of(out, name), mask, name)
            assert mask.sum() == pytest.approx(each["area"], rel=0.1)
    assert found == defects(out, drawn)


def test_labelme_opens_its_files(results, drawn, monkeypatch):
    out = results("labelme")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    reader = pytest.importorskip("labelme._label_file", exc_type=ImportError)
    found = []
    for name in rows_by_name(out, drawn):
        file = (out / "annotations" / name).with_suffix(".json")
        opened = reader.read_label_file(str(file))
        assert (file.parent / opened.image_path).resolve() == (drawn / name).resolve()
        assert opened.image_data == (drawn / name).read_bytes()
        found += [(name, shape["label"]) for shape in opened.shapes]
    assert list(dict.fromkeys(found)) == defects(out, drawn)


def test_supervision_opens_yolo(results, drawn):
    out = results("yolo")
    supervision = pytest.importorskip("supervision")
    found = set()
    for place in ("line 1", "line 2"):
        labels = out / "annotations/labels" / place
        opened = supervision.DetectionDataset.from_yolo(
            *map(str, (drawn / place, labels, out / "annotations/data.yaml")), force_masks=True
        )
        for path, regions in opened.annotations.items():
            name = Path(path).relative_to(drawn).as_posix()
            found |= {(name, opened.classes[number]) for number in regions.class_id}
            if len(regions):
                # It rounds corners to whole pixels.
                mask = regions.mask.any(axis=0)
                assert_within_a_pixel(mask_of(out, name), mask, name, reach=2)
    assert found == set(defects(out, drawn))


def test_ultralytics_opens_yolo(results, drawn, monkeypatch, tmp_path):
    out = results("yolo")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    reader = pytest.importorskip("ultralytics.data.utils")
    count = 0
    for name in rows_by_name(out, drawn):
        labels = (out / "annotations/labels" / name).with_suffix(".txt")
        read = reader.verify_image_label(
            (str(drawn / name), str(labels), "", False, len(DEFECTS), 0, 0, False)
        )
        *_, is_missing, _, _, is_corrupt, said = read
        assert (is_missing, is_corrupt, said) == (0, 0, "")
        count += len(read[3])
    assert count >= len(defects(out, drawn))


@pytest.mark.parametrize("kind", ["coco", "cvat"])
def test_datumaro_opens_coco_and_cvat(results, drawn, tmp_path, kind):
    out = results(kind)
    datumaro = pytest.importorskip("datumaro")
    shutil.copytree(drawn, tmp_path / "images")
    if kind == "coco":
        file = tmp_path / "annotations/instances_default.json"  # the name that it looks for
        file.parent.mkdir()
        shutil.copy(out / "annotations/annotations.json", file)
        opened = datumaro.Dataset.import_from(str(tmp_path), "coco_instances")
    else:
        shutil.copy(out / "annotations/annotations.xml", tmp_path)
        opened = datumaro.Dataset.import_from(str(tmp_path / "annotations.xml"), "cvat")
    classes = opened.categories()[datumaro.AnnotationType.label]
    found = {
        (f"{item.id}.png", classes[each.label].name)
        for item in opened
        for each in item.annotations
        if each.type == datumaro.AnnotationType.polygon
    }
    assert len(opened) == len(rows_by_name(out, drawn))
    assert found == set(defects(out, drawn))


@pytest.mark.parametrize("kind", FORMATS)
def test_without_masks_a_box_gives_the_class_alone(
    invoke, pictures, tiny_label_only_model, tmp_path, kind
):
    out = tmp_path / "out"
    done = invoke(
        *("predict", pictures, "-o", out, "--annotations", kind, "--model", tiny_label_only_model)
    )
    assert done.exit_code == 0, done.err
    shutil.copytree(out / "annotations", pictures, dirs_exist_ok=True)
    if kind == "yolo":
        (pictures / "images").mkdir()
        for file in pictures.glob("*.png"):
            file.rename(pictures / "images" / file.name)
    from capsule_inspect.dataset.layouts.registry import discover  # noqa: PLC0415

    found = discover(pictures)
    labels = {Path(each.path).stem: each.label for each in found.pictures}
    assert labels == {"a": "good", "b": "crack", "c": "scratch", "d": "good"}
    assert not any(each.has_mask for each in found.pictures)
    assert not any(each.problem for each in found.pictures)


def test_pictures_that_would_share_a_file_are_named_before_any_work(invoke, pictures, tmp_path):
    shutil.copy(pictures / "a.png", pictures / "a.webp")
    out = tmp_path / "out"
    done = invoke("predict", pictures, "-o", out, "--annotations", "yolo")
    assert done.exit_code == 2
    assert "would share the file 'labels/a.txt'" in done.err
    assert not out.exists()


def test_an_unknown_format_is_refused(invoke, pictures):
    done = invoke("predict", pictures, "--annotations", "voc")
    assert done.exit_code == 2
    assert "'coco', 'labelme', 'yolo', 'cvat'" in done.err
