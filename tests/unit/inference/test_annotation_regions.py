from dataclasses import replace
from pathlib import PurePath

import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.inference.annotations.regions import (
    AnnotatedPicture,
    DefectRegion,
    annotate_findings,
)
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.result_names import mark_name, safe_name
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs

REGION = DefectRegion("poke", 0.75, (1, 2, 3, 4), 9, (((1.0, 2.0), (4.0, 2.5), (1.0, 6.0)),))
PICTURE = AnnotatedPicture("in/a.png", "a.png", (20, 30), (REGION, REGION))


@pytest.mark.parametrize(
    "picture",
    [PICTURE, AnnotatedPicture("in/b.png"), AnnotatedPicture('é"\n.png', "x", (1, 2))],
)
def test_a_picture_comes_back_from_its_line(picture):
    line = picture.to_line()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert AnnotatedPicture.from_line(line) == picture


@pytest.mark.parametrize(
    "line",
    [
        PICTURE.to_line()[:40],
        b"\0" * 20,
        b"[]\n",
        b"{}\n",
        b'{"path":"a","name":"a","size":[1],"regions":[]}\n',
        b'{"path":"a","name":"a","size":[1,2],"regions":[{"label":"x"}]}\n',
        b"[" * 100_000,
    ],
)
def test_a_damaged_line_is_none(line):
    with pytest.raises(ValueError, match=r"."):
        AnnotatedPicture.from_line(line)


@pytest.mark.parametrize(
    ("path", "name", "file_name"),
    [
        ("pictures/line/a.png", "line/a.png", "line/a.png"),
        ("/data/a.png", "a.png", "a.png"),
        ("day/10:30.png", safe_name(PurePath("10:30.png")), "10:30.png"),
        ("one/a.png", mark_name("a.png", "one/a.png"), "one/a.png"),
        ("camera://7", "frame.png", "camera:/7"),
    ],
)
def test_a_picture_is_called_as_below_its_input(path, name, file_name):
    assert AnnotatedPicture(path, name).file_name == file_name


def judge(mask_logits, mode="capsule", good=0.0):
    """An inspector that calls everything a poke, or good."""
    outputs = Outputs(np.array([good, 0, 5], np.float32), mask_logits)
    roi = replace(CAPSULE_ROI, mode=mode)
    return Inspector(lambda _: outputs, ("good", "crack", "poke"), roi, OperatingPoint())


def annotate(inspector, picture):
    findings = inspector.inspect(picture)
    return annotate_findings("a.png", "a.png", picture.shape[:2], findings), findings


def logits(defect=True):
    values = np.zeros((96, 240, 3), np.float32)
    values[..., 0] = 9
    if defect:
        values[24:72, 60:180, 2] = 18
    return values


@pytest.fixture(scope="module")
def capsule():
    return draw_capsule("good", 1, 200).picture


def test_a_defect_has_the_box_and_the_area_of_its_pixels(capsule):
    annotated, (finding,) = annotate(judge(logits()), capsule)
    (region,) = annotated.regions
    rows, columns = np.nonzero(finding.mask)
    assert region.label == "poke"
    assert region.score == pytest.approx(finding.confidence, abs=1e-6)
    assert region.area == len(rows)
    assert region.box == (
        columns.min(),
        rows.min(),
        columns.max() - columns.min() + 1,
        rows.max() - rows.min() + 1,
    )
    assert len(region.outlines) == 1
    assert AnnotatedPicture.from_line(annotated.to_line()) == annotated


@pytest.mark.parametrize("mask_logits", [None, logits(defect=False)])
def test_without_pixels_the_box_is_that_of_the_capsule(capsule, mask_logits):
    annotated, (finding,) = annotate(judge(mask_logits), capsule)
    (region,) = annotated.regions
    left, top, width, height = region.box
    assert region.outlines == ()
    assert region.area == pytest.approx(width * height, abs=0.01)
    assert left + width / 2 == pytest.approx(finding.box.x, abs=0.02)
    assert top + height / 2 == pytest.approx(finding.box.y, abs=0.02)
    # Each side of an upright box spans the projections of both sides of the turned one.
    assert finding.box.width < min(width, height)
    assert max(width, height) < finding.box.length + finding.box.width


def test_the_box_of_a_whole_picture_is_the_picture(capsule):
    annotated, _ = annotate(judge(None, mode="whole"), capsule)
    assert annotated.regions[0].box == (0, 0, capsule.shape[1], capsule.shape[0])


def test_a_good_capsule_is_no_region(capsule):
    annotated, findings = annotate(judge(logits(), good=20.0), capsule)
    assert len(findings) == 1
    assert annotated == AnnotatedPicture("a.png", "a.png", (200, 200))
