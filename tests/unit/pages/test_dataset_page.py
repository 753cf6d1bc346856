import re
from dataclasses import replace

import numpy as np
from capsule_roi import CAPSULE_ROI

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.dataset.problems import Problem
from capsule_inspect.dataset.survey import Survey, SurveyedPicture, choose_roi, survey
from capsule_inspect.pages.dataset_page import make_dataset_page
from capsule_inspect.settings.groups import DataSettings


def test_a_data_set_is_counted_measured_and_shown(dataset_folder):
    data = read_dataset(dataset_folder)
    page = make_dataset_page(data, survey(data, CAPSULE_ROI), ())
    assert "Data set of 32 pictures" in page
    assert re.findall(r"<b>([^<]*)</b><span>([^<]*)</span>", page) == [
        ("32", "pictures"),
        ("12", "good"),
        ("20", "defective"),
        ("5", "classes of defects"),
        ("20", "with a mask"),
        ("0", "without a capsule"),
        ("32", "distinct pictures"),
        ("320 x 320", "pixels"),
    ]
    counts = re.findall(r"<td[^>]*>(\w+)</td>", page.split('id="counts"')[1].split("<h2")[0])
    assert counts[:5] == ["good", "8", "2", "2", "12"]
    assert counts[-5:] == ["all", "18", "7", "7", "32"]
    assert "No problems found." in page
    titles = re.findall(r"<figcaption>([^<]*)</figcaption>\s*<svg", page)
    assert titles == ["Length", "Width", "Sharpness", "Mean red", "Mean green", "Mean blue"]
    # A heat map for each of five classes, eight good samples and four of each defect.
    assert page.count("data:image/jpeg") == 5 + 8 + 5 * 4
    assert "http" not in page.replace("http-equiv", "")


def test_problems_and_pictures_without_a_capsule_are_named(dataset_folder):
    data = read_dataset(dataset_folder)
    data = replace(data, samples=data.samples[:1])
    surveyed = Survey(CAPSULE_ROI, (SurveyedPicture(data.samples[0], False, (), ()),), {})
    problems = [
        Problem("a<b.png", "It is a copy.", fatal=False),
        Problem("", "There are few.", fatal=False),
    ]
    more = [Problem("c.png", f"It is a copy of {place}.png.", fatal=False) for place in range(60)]
    page = make_dataset_page(data, surveyed, [*problems, *more])
    assert "a&lt;b.png" in page
    assert "There are few." in page
    assert "And 12 more." in page
    assert "without a detected capsule: 1." in page
    assert f'<li class="path">{data.samples[0].path}</li>' in page
    assert "There are no masks." in page
    assert "<svg" not in page


def test_pictures_without_capsules_are_seen_whole_and_said_so(tmp_path, save_picture):
    for place in range(3):
        picture = np.random.default_rng(place).integers(0, 99, (40, 40, 3), np.uint8)
        save_picture(tmp_path / "source/good" / f"{place}.png", picture)
    prepared = prepare_dataset(tmp_path / "source", tmp_path / "data", DataSettings())
    data = prepared.data
    page = make_dataset_page(data, survey(data, choose_roi(data)), prepared.problems)
    assert "<b>3</b><span>without a capsule</span>" in page
    assert "Measured on whole pictures" in page
    titles = re.findall(r"<figcaption>([^<]*)</figcaption>\s*<svg", page)
    assert titles == ["Sharpness", "Mean red", "Mean green", "Mean blue"]
