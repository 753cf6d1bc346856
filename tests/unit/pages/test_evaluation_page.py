import re

import pytest

from capsule_inspect.evaluation.evaluate import Evaluation, summarize
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.pixels import Overlap
from capsule_inspect.pages.elements import Shown
from capsule_inspect.pages.evaluation_page import make_evaluation_page

CLASSES = ("good", "crack", "poke")


def judged(path: str, truth: str, label: str, score: float, dice: float | None = None) -> Judgement:
    overlap = Overlap(0, 0, 0) if truth == "good" else None
    if dice is not None:
        overlap = Overlap(round(100 * dice), 100, 100)
    rest = (score, 0.0) if label == "crack" else (0.0, score)
    return Judgement(path, "aa", truth, label, score, (1 - score, *rest), overlap)


@pytest.fixture
def evaluation() -> Evaluation:
    return summarize(
        "test",
        CLASSES,
        (
            judged("a.png", "good", "good", 0.1),
            judged("b.png", "good", "crack", 0.8),
            judged("c.png", "crack", "good", 0.2, 0.0),
            judged("d.png", "crack", "crack", 0.9, 0.75),
            judged("e.png", "poke", "crack", 0.7, 0.5),
            judged("f.png", "poke", "poke", 0.95, 0.9),
        ),
    )


def page_of(evaluation: Evaluation) -> str:
    return make_evaluation_page(
        evaluation,
        "Title <1>",
        "About.",
        lambda judgement: (Shown(f"data:{judgement.path}", "true"), Shown("data:", "decided")),
    )


def section(page: str, anchor: str) -> str:
    return page.split(f'id="{anchor}"')[1].split("<h2", maxsplit=1)[0]


def test_galleries_show_truth_beside_decision(evaluation):
    page = page_of(evaluation)
    expected = {
        "misses": ["c.png"],
        "alarms": ["b.png"],
        "confused": ["e.png"],
        "masks": ["e.png", "d.png", "f.png"],
        "best": ["f.png", "d.png"],
    }
    for anchor, paths in expected.items():
        text = section(page, anchor)
        assert re.findall(r'<p class="path">([^<]*)</p>', text) == paths
        assert re.findall(r'src="data:([^"]+)"', text) == paths
        assert text.count(">decided<") == len(paths)
    assert '<span class="defect">crack, called good</span>' in section(page, "misses")
    assert '<span class="good">poke, called poke</span>' in section(page, "best")
    assert "Dice 0.500" in section(page, "confused")


def test_metrics_stand_with_their_intervals(evaluation):
    page = page_of(evaluation)
    assert "<b>0.500</b><span>accuracy</span><span>0.188 to 0.812</span>" in page
    metrics = re.findall(r"<tr><td>(\w+)</td>", section(page, "metrics"))
    assert metrics == [metric.name for metric in evaluation.metrics]
    cells = re.findall(r'<td class="(\w+)" style="[^"]*">([^<]*)</td>', section(page, "classes"))
    assert "".join(text for _, text in cells) == "11··11···11·"
    assert [kind for kind, _ in cells].count("some") == 6


def test_the_table_names_each_picture_and_whether_it_was_right(evaluation):
    rows = section(page_of(evaluation), "rows").split("<tr ")[1:]
    assert len(rows) == 6
    verdicts = [re.search(r'data-group="labelled (\w+)', row)[1] for row in rows]
    assert verdicts == ["rightly", "wrongly", "wrongly", "rightly", "wrongly", "rightly"]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", rows[3])
    assert cells == ["d.png", "crack", "crack", "0.900", "0.750", "0.600"]


def test_four_charts_with_the_operating_point(evaluation):
    page = page_of(evaluation)
    titles = re.findall(r"<figcaption>([^<]*)</figcaption>\s*<svg", page)
    assert titles == ["ROC curve", "Precision and recall", "Reliability", "Dice by class"]
    # One of two good pictures called, three of four defects found: in the units of the drawing.
    assert '<circle class="point" cx="200.0" cy="73.0"' in page
    assert page.count('<circle class="dot"') >= 4


def test_good_pictures_alone_have_no_curves():
    page = page_of(summarize("all", CLASSES, (judged("a.png", "good", "good", 0.1),)))
    assert re.findall(r"<figcaption>([^<]*)</figcaption>\s*<svg", page) == ["Reliability"]
    assert "No defect was called good." in page


def test_it_is_text_and_loads_nothing(evaluation):
    page = page_of(evaluation)
    assert "<title>Title &lt;1&gt;</title>" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
