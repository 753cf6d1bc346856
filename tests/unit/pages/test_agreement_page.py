import html
import re
from html.parser import HTMLParser

import pytest

from capsule_inspect.evaluation.agreement import Agreement, compare
from capsule_inspect.evaluation.inspectors import Verdict
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.pages.agreement_page import make_agreement_page

CLASSES = ("good", "crack", "poke")
HOSTILE = "<script>alert('1')</script> & \"Bo\"\n\u202e"
TRUTH = ("good", "good", "crack", "crack", "poke", "poke")
MODEL = ("good", "crack", "crack", "good", "poke", "poke")
ANNA = ("good", "good", "crack", "crack", "poke", "crack")
DASH = "\N{EN DASH}"
NAMES = tuple(f"{name}.png" for name in "abcdef")


def judgements(labels=MODEL, names=NAMES) -> list[Judgement]:
    scores = (0.1, 0.6, 0.9, 0.3, 0.8, 0.7)
    return [
        Judgement(name, "", true, label, score, (), None)
        for name, true, label, score in zip(names, TRUTH, labels, scores, strict=False)
    ]


def verdicts(inspector: str, labels=ANNA, number: int = 1, names=NAMES) -> list[Verdict]:
    return [
        Verdict(name, inspector, label, number) for name, label in zip(names, labels, strict=False)
    ]


@pytest.fixture
def agreement() -> Agreement:
    return compare(
        judgements(),
        [
            *verdicts("Anna"),
            *verdicts("Anna", MODEL, 2),
            *verdicts("Ben", ("good", "defective", "defective", "defective")),
            *verdicts(HOSTILE, TRUTH),
        ],
        CLASSES,
    )


def page_of(agreement: Agreement) -> str:
    return make_agreement_page(agreement, "Model <1>", "About & so on.")


def section(page: str, anchor: str) -> str:
    return page.split(f'id="{anchor}"')[1].split("<h2", maxsplit=1)[0]


def rows_of(page: str, anchor: str) -> dict[str, list[str]]:
    """The cells of each line of the first table of a section by its heading, with intervals."""
    rows = {}
    for row in section(page, anchor).split("<tbody>")[1].split("</tbody>")[0].split("<tr")[1:]:
        cells = [
            html.unescape(re.sub(r"<br>|<[^>]+>", " ", cell)).split()
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        rows[" ".join(cells[0])] = [" ".join(cell) for cell in cells[1:]]
    return rows


def test_everyone_stands_against_the_truth(agreement):
    rows = rows_of(page_of(agreement), "truth")
    assert list(rows)[:3] == ["model", "Anna", "Ben"]
    assert rows["model"] == [
        *("6", "0.667 0.30 to 0.90", "0.750 0.30 to 0.95", "0.667 0.30 to 0.90"),
        *("0.250 0.05 to 0.70", "0.500 0.09 to 0.91"),
    ]
    assert [cell[:5] for cell in rows["Anna"]] == ["6", "0.833", "0.750", "1.000", "0.000", "0.000"]
    # Ben only sorts, and read four pictures.
    assert rows["Ben"][:3] == ["4", DASH, DASH]


def test_pairs_have_agreement_and_kappa(agreement):
    page = page_of(agreement)
    rows = rows_of(page, "presence")
    # Both call 1 good and 3 defective, and disagree on 2: (4 / 6 - 20 / 36) / (16 / 36).
    assert rows["model and Anna"][:2] == ["6", "0.667 0.30 to 0.90"]
    assert rows["model and Anna"][2].startswith("0.250 ")
    assert "truth and Ben" in rows
    assert "truth and Ben" not in rows_of(page, "class")
    assert set(rows_of(page, "kappas")) == {"model", "Anna", " ".join(HOSTILE.split())}
    assert rows_of(page, "misses")["Ben"] == ["4", "0.000 0.00 to 0.66", DASH]
    repeats = rows_of(page, "repeats")
    assert repeats["Anna, 2 rounds"][:2] == ["6", "0.667 0.30 to 0.90"]
    assert repeats["all inspectors"][0] == "4"
    assert repeats["all inspectors"][3:] == [DASH, DASH]


def test_pictures_stand_in_the_zones_of_people(agreement):
    page = page_of(agreement)
    zones = rows_of(page, "zones")
    # Of the 18 verdicts on c to f, one calls d good; b is called defective by two of four.
    assert zones["reject (0.7 or more)"][:2] == ["4", f"{(1 + 0.75 + 1 + 1) / 4:.3f}"]
    assert zones["reject (0.7 or more)"][2].startswith("0.750 ")
    assert zones["grey (0.3 to 0.7)"][:2] == ["1", "0.500"]
    assert zones["accept (below 0.3)"][:2] == ["1", "0.000"]
    assert "people reject 93.8% and the model 75.0%: Knapp&#39;s criterion is not met." in page
    rows = rows_of(page, "rows")
    assert list(rows) == ["c.png", "e.png", "f.png", "d.png", "b.png", "a.png"]
    assert rows["d.png"] == ["crack", "4", "3", "0.750", "reject", "good", "0.300"]
    marked = section(page, "rows").split("<tr ")[1:]
    assert ["model says good" in row for row in marked] == [False] * 3 + [True] + [False] * 2


def test_two_charts_show_pictures_and_raters(agreement):
    page = page_of(agreement)
    titles = re.findall(r"<figcaption>([^<]*)</figcaption>\s*<svg", page)
    assert titles == ["Picture by picture", "Model and inspectors"]
    assert page.count('<circle class="dot"') == 6 + 3
    assert page.count('<circle class="point"') == 1


def test_names_stay_text(agreement):
    page = page_of(agreement)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &#34;Bo&#34;" in page
    assert "<title>Model &lt;1&gt;</title>" in page
    assert "About &amp; so on." in page


def test_pictures_and_classes_stay_text():
    name = "<img src=x onerror=y>.png"
    found = compare(
        [Judgement(name, "", "<b>", "<b>", 0.9, (), None)],
        [Verdict(name, "A", "<b>")],
        ("good", "<b>"),
    )
    page = make_agreement_page(found, "t", "a")
    assert "<img src=x" not in page
    assert "<b></th>" not in page
    assert "&lt;img src=x onerror=y&gt;.png" in page


def test_what_pictures_cannot_tell_is_a_dash():
    found = compare(judgements(), verdicts("Anna", ("good", "good")), CLASSES)
    page = page_of(found)
    assert rows_of(page, "presence")["truth and Anna"] == ["2", "1.000 0.34 to 1.00", DASH]
    assert rows_of(page, "truth")["Anna"][2] == DASH
    assert rows_of(page, "zones")["reject (0.7 or more)"] == ["0", DASH, DASH]
    assert "No picture is in the reject zone" in page
    assert 'id="repeats"' not in page
    assert re.findall(r"<figcaption>([^<]*)</figcaption>\s*<svg", page) == ["Picture by picture"]
    assert "nan" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.S)


class Outline(HTMLParser):
    """Checks that elements close in order, and gathers anchors, ids, images and outer links."""

    VOID = frozenset({"meta", "link", "br", "input", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.unlabelled: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.targets += [given["href"]] if tag == "a" else []
        if tag in {"svg", "input", "select", "nav"} and not given.get("aria-label"):
            self.unlabelled.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_it_is_whole_accessible_and_loads_nothing(agreement):
    page = page_of(agreement)
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert outline.unlabelled == []
    assert len(set(outline.ids)) == len(outline.ids)
    assert {target.removeprefix("#") for target in outline.targets} == set(outline.ids)
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
