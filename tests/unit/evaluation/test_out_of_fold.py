from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capsule_inspect.errors import DataError
from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement
from capsule_inspect.evaluation.out_of_fold import OutOfFold, read_out_of_fold, write_out_of_fold
from capsule_inspect.evaluation.overlap import Overlap

CLASSES = ("good", "crack", 'a, "b"')
units = st.floats(0, 1)
counts = st.integers(0, 10**6)
texts = st.text(st.characters(exclude_categories=("C",)), min_size=1)
judgements = st.builds(
    Judgement,
    path=texts,
    sha256=texts,
    truth=st.sampled_from(CLASSES),
    label=st.sampled_from((*CLASSES, NO_CAPSULE)),
    defect_score=units,
    probabilities=st.one_of(st.just(()), st.tuples(units, units, units)),
    overlap=st.none() | st.builds(Overlap, counts, counts, counts),
)
predictions = st.builds(
    OutOfFold, judgements, counts, counts, st.floats(0.1, 9), units, units, texts
)


@given(st.lists(predictions, min_size=1, max_size=4).map(tuple))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back(tmp_path, written):
    path = tmp_path / "out_of_fold.csv"
    write_out_of_fold(path, written, CLASSES)
    assert read_out_of_fold(path) == (written, CLASSES)


def damaged(path: Path, old: str, new: str) -> str:
    overlap = Overlap(3, 4, 5)
    judgement = Judgement("a.png", "aa", "crack", "crack", 0.5, (0.5, 0.25, 0.25), overlap)
    write_out_of_fold(path, [OutOfFold(judgement, 0, 1, 1.0, 0.5, 0.5, "bb")], CLASSES)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DataError) as caught:
        read_out_of_fold(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [("common_area_px", "area"), ("fold", "folder"), ("a.png,aa,crack", "a.png"), ("0.5", "half")],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, old, new):
    message = damaged(tmp_path / "out_of_fold.csv", old, new)
    assert "out_of_fold.csv' is damaged" in message
    assert "capsule-inspect evaluate" in message


def test_a_missing_file_and_one_without_rows_are_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_out_of_fold(tmp_path / "none.csv")
    path = tmp_path / "empty.csv"
    write_out_of_fold(path, [], CLASSES)
    with pytest.raises(DataError, match="holds no predictions"):
        read_out_of_fold(path)
