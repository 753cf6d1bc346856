from io import StringIO

import pytest
from rich.console import Console

from capsule_inspect.cli import tables
from capsule_inspect.evaluation.metrics import CLASS_METRICS, METRICS, ClassMetrics, ConfusionMatrix
from capsule_inspect.inference.records import Record
from capsule_inspect.modelfile.metadata import Metric

CLASSES = ("good", "crack", "faulty_imprint", "poke", "scratch", "squeeze")


class Printed:
    """A terminal, and what is on it without spaces."""

    def __init__(self, width):
        self._text = StringIO()
        self.results = Console(file=self._text, width=width, highlight=False, soft_wrap=True)

    def words(self):
        """The words of each line."""
        return [line.split() for line in self._text.getvalue().splitlines()]

    def __call__(self):
        text = self._text.getvalue()
        assert max(map(len, text.splitlines())) <= self.results.width
        return "".join(text.split())


@pytest.fixture(params=[60, 80, 160])
def printed(request):
    """What is printed on a terminal of some width; also holds all lines to that width."""
    return Printed(request.param)


def test_metrics_fit(printed):
    metrics = [Metric(name, 0.5, 298, 0.25, 0.75) for name in METRICS]
    tables.print_metrics(
        printed.results,
        metrics,
        "298 pictures, each by the model.tflite of 5-fold cross-validation that has not seen it",
        dict.fromkeys(METRICS, 0.01),
    )
    text = printed()
    assert all(name in text for name in METRICS)
    assert "thathasnotseenit" in text


def test_classes_fit_with_their_names_and_intervals(printed):
    metrics = tuple(Metric(name, 0.5, 99, 0.25, 0.75) for name in CLASS_METRICS)
    tables.print_classes(printed.results, [ClassMetrics(name, 206, metrics) for name in CLASSES])
    text = printed()
    assert text.count("0.25-0.75") == len(CLASSES) * len(CLASS_METRICS)
    headings = ("defective" if name == "presence" else name for name in CLASS_METRICS)
    assert all(name in text for name in ("good", "crack", "poke", *headings))
    assert "…" not in text


def test_confusion_fits(printed):
    columns = (*CLASSES, "no_capsule")
    rows = tuple(tuple(206 for _ in columns) for _ in CLASSES)
    tables.print_confusion(printed.results, ConfusionMatrix(CLASSES, columns, rows))
    text = printed()
    assert text.count("206") == len(CLASSES) * len(columns)
    assert "summed" not in text


def test_a_confusion_matrix_of_several_seeds_says_so(printed):
    confusion = ConfusionMatrix(("good",), ("good", "no_capsule"), ((618, 0),))
    tables.print_confusion(printed.results, confusion, seeds=3)
    assert "decidedclass(columns),summedover3seeds" in printed()


def test_rows_fit_with_their_paths_and_numbers(printed):
    path = "line-1/2026-11-25/camera-north/0001.png"
    rows = [
        Record(path, "ok", 0, "faulty_imprint", 0.748, 0.975, 0.3, (), 9, 12.34),
        Record("b.png", "no_capsule"),
        Record("c.png", "error", error="It is no picture."),
    ]
    tables.print_rows(printed.results, rows)
    text = printed()
    assert all(each in text for each in ("faulty_imprint", "0.748", "0.975", "12.34%"))
    assert "nocapsule" in text
    assert "Itisnopicture." in text
    assert "…" not in text


def test_a_file_name_in_a_table_tells_the_terminal_nothing(printed):
    row = Record("no\x1b[31m.png", "error", error="'no\x1b[31m.png' is\nempty.")
    tables.print_rows(printed.results, [row])
    text = printed()
    assert "no?[31m.png" in text
    assert "'no?[31m.png'is?empty." in text
    assert "\x1b" not in text


def test_classes_are_numbered_where_their_names_do_not_fit():
    printed = Printed(80)
    names = ("good", *(f"MT_Blowhole_{letter * 6}" for letter in "abcdef"))
    counts = tuple(tuple(10 * i + j for j in range(8)) for i in range(7))
    tables.print_confusion(printed.results, ConfusionMatrix(names, (*names, "no_capsule"), counts))
    lines = printed.words()
    assert ["1", "2", "3", "4", "5", "6", "7", "8"] in lines
    assert ["2", "MT_Blowhole_aaaaaa", *map(str, range(10, 18))] in lines
    assert ["8:", "no_capsule"] in lines
