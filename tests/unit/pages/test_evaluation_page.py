import html
import re
from pathlib import Path

import pytest

from capsule_inspect import pages
from capsule_inspect.choices import NO_CAPSULE
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
    assert verdicts == ["correctly", "wrongly", "wrongly", "correctly", "wrongly", "correctly"]
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


MIXED = (
    judged("a.png", "good", "good", 0.1),
    judged("b.png", "good", "crack", 0.6),
    judged("c.png", "crack", "crack", 0.9),
    judged("d.png", "crack", "poke", 0.7),
    judged("e.png", "poke", "good", 0.2),
    judged("f.png", "poke", NO_CAPSULE, 1.0),
)


def chart(page: str, title: str) -> str:
    return page.split(f"<figcaption>{title}</figcaption>")[1].split("</figure>", maxsplit=1)[0]


def main_curve(chart: str) -> list[tuple[float, float]]:
    points = re.search(r'<polyline class="curve main" points="([^"]*)"', chart)[1]
    return [tuple(map(float, point.split(","))) for point in points.split()]


def operating_points(chart: str) -> list[tuple[float, float]]:
    found = re.findall(r'<circle class="point" cx="([^"]*)" cy="([^"]*)"', chart)
    return [(float(x), float(y)) for x, y in found]


def as_shares(chart: str, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points in units of the axes, told from the lines of the grid at 0.0 and at 1.0."""
    ends = re.findall(r'<text class="tick" x="([^"]*)" y="([^"]*)"[^>]*>(0\.0|1\.0)<', chart)
    (left, right), (bottom, top) = (
        [float(each[0]) for each in ends[:2]],
        [float(each[1]) - 4 for each in ends[2:]],
    )
    return [((x - left) / (right - left), (bottom - y) / (bottom - top)) for x, y in points]


def test_charts_are_drawn_inside_their_frame():
    page = page_of(summarize("test", CLASSES, MIXED))
    for title in ("ROC curve", "Precision and recall", "Reliability"):
        drawn = chart(page, title)
        width, height = map(int, re.search(r'viewBox="0 0 (\d+) (\d+)"', drawn).groups())
        points = [*main_curve(drawn), *operating_points(drawn)]
        assert len(points) > 2
        assert all(0 < x < width and 0 < y < height for x, y in points)
        assert all(-1e-3 <= v <= 1 + 1e-3 for point in as_shares(drawn, points) for v in point)


def test_curves_run_through_the_points_counted_by_hand():
    page = page_of(summarize("test", CLASSES, MIXED))
    roc = chart(page, "ROC curve")
    # From the highest score down: three defects, a good one, a defect, a good one.
    counted = [(0, 0), (0, 1 / 4), (0, 2 / 4), (0, 3 / 4), (1 / 2, 3 / 4), (1 / 2, 1), (1, 1)]
    assert as_shares(roc, main_curve(roc)) == [pytest.approx(each, abs=1e-3) for each in counted]
    assert "2 good and 4 defective pictures." in roc
    precision = chart(page, "Precision and recall")
    shares = as_shares(precision, main_curve(precision))
    # All called, then five and so on; each precision holds from the recall before to its own.
    assert shares[0] == pytest.approx((1, 4 / 6), abs=1e-3)
    steps = [(1, 4 / 5), (3 / 4, 3 / 4), (3 / 4, 1), (2 / 4, 1), (1 / 4, 1), (0, 1)]
    assert [shares[2 * place + 2] for place in range(6)] == [
        pytest.approx(each, abs=1e-3) for each in steps
    ]
    assert all(shares[place][1] == shares[place - 1][1] for place in range(1, len(shares), 2))
    guide = re.search(r'<polyline class="curve guide" points="([^"]*)"', precision)[1]
    chance = [tuple(map(float, point.split(","))) for point in guide.split()]
    assert as_shares(precision, chance) == [
        pytest.approx(each, abs=1e-3) for each in ((0, 4 / 6), (1, 4 / 6))
    ]


@pytest.mark.parametrize("truth", ["good", "crack"])
def test_curves_need_good_and_defective_pictures(truth):
    pictures = (judged("a.png", truth, "good", 0.2), judged("b.png", truth, "crack", 0.8))
    page = page_of(summarize("test", CLASSES, pictures))
    assert "ROC curve" not in page
    assert "Precision and recall" not in page
    assert 'class="matrix"' in page


def test_the_operating_point_lies_where_it_was_decided():
    # Half of two good pictures called defective, three of four defective ones found; of four called
    # three are defective.
    page = page_of(summarize("test", CLASSES, MIXED))
    for title, where in (("ROC curve", (0.5, 0.75)), ("Precision and recall", (0.75, 0.75))):
        drawn = chart(page, title)
        assert as_shares(drawn, operating_points(drawn)) == [pytest.approx(where, abs=1e-3)]
        assert "operating point</li>" in drawn


def test_a_model_that_calls_nothing_defective_has_no_precision_to_mark():
    pictures = (judged("a.png", "good", "good", 0.1), judged("b.png", "crack", "good", 0.3))
    page = page_of(summarize("test", CLASSES, pictures))
    for title, marked in (("ROC curve", True), ("Precision and recall", False)):
        assert ("operating point" in chart(page, title)) == marked
        assert bool(operating_points(chart(page, title))) == marked


def test_names_of_classes_are_no_formulas():
    classes = ("good", r"$\frac$", "a_b^c", "<b>")
    wrong = Judgement("a.png", "aa", "good", "a_b^c", 0.9, (0.1, 0.0, 0.9, 0.0), None)
    strange = summarize("test", classes, (wrong,))
    matrix = section(page_of(strange), "classes").split('class="matrix"')[1]
    heads = re.findall(r'<th class="number">([^<]*)</th>', matrix)
    assert [html.unescape(each) for each in heads] == [*classes, NO_CAPSULE]
    assert 'class="some" style="--share: 1.000">1<' in matrix  # the one cell holds all of its row


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    shares = [value / 255 for value in bytes.fromhex(colour.removeprefix("#"))]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in shares]
    return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("name", ["main", "other", "defect"])
def test_colours_of_charts_stand_out_from_their_ground(name):
    style = (Path(pages.__file__).parent / "templates/style.css").read_text(encoding="utf-8")
    schemes = re.findall(r":root \{([^}]*)\}", style)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#\w{6});", scheme))
        low, high = sorted((luminance(colours[name]), luminance(colours["panel"])))
        # WCAG 2.2, 1.4.11: graphics that must be understood have a contrast of 3 to 1.
        assert (high + 0.05) / (low + 0.05) >= 3
