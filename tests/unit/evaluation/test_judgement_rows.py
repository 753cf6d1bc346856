from dataclasses import replace

import pytest

from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement
from capsule_inspect.evaluation.judgement_rows import (
    judgement_cells,
    judgement_columns,
    read_classes,
    read_judgement,
)
from capsule_inspect.evaluation.overlap import Overlap

CLASSES = ("good", "crack")
SEEN = Judgement("a.png", "aa", "crack", "crack", 0.75, (0.25, 0.75), Overlap(3, 4, 5))


def row(judgement: Judgement) -> dict[str, str]:
    """What a CSV file makes of the cells: text, by column."""
    cells = map(str, judgement_cells(judgement, len(CLASSES)))
    return dict(zip(judgement_columns(CLASSES), cells, strict=True))


def test_areas_stand_by_their_names():
    cells = row(SEEN)
    names = ("true_area_px", "predicted_area_px", "common_area_px")
    assert [cells[name] for name in names] == ["5", "4", "3"]
    assert float(cells["dice"]) == pytest.approx(6 / 9)
    assert float(cells["iou"]) == 0.5
    assert (cells["p_good"], cells["p_crack"]) == ("0.25", "0.75")


@pytest.mark.parametrize(
    "judgement",
    [SEEN, replace(SEEN, overlap=None), replace(SEEN, label=NO_CAPSULE, probabilities=())],
)
def test_a_row_is_read_back(judgement):
    assert read_judgement(row(judgement), CLASSES) == judgement


def test_columns_name_the_classes():
    assert read_classes(judgement_columns(CLASSES)) == CLASSES


def test_what_is_no_row_is_refused():
    without = row(SEEN)
    del without["common_area_px"]
    with pytest.raises(KeyError):
        read_judgement(without, CLASSES)
    with pytest.raises(ValueError, match="half"):
        read_judgement(row(SEEN) | {"defect_score": "half"}, CLASSES)
