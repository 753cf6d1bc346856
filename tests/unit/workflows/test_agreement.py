import csv
from dataclasses import replace
from pathlib import Path

import pytest
from recorder import Recorder

from capsule_inspect.dataset.data_set import DataSet, read_dataset, write_dataset
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.pixel_hash import hash_picture
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.evaluation.cross_validation import (
    OutOfFold,
    pool_predictions,
    write_out_of_fold,
)
from capsule_inspect.evaluation.inspectors import Verdict
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.workflows import evaluate as workflow
from capsule_inspect.workflows.agreement import compare_with_inspectors, verdicts_on

pytest.importorskip("sklearn", reason="evaluate needs the train extra")

FILES = ("agreement.csv", "agreement.html", "detection.csv", "rates.csv")
CLASSES = ("good", "crack")
INSPECTORS = """image,Anna,Ben,Cai
a.png,good,good,good
b.png,crack,defective,good
c.png,good,good,defective
d.png,good,good,good
"""


@pytest.fixture
def data_folder(tmp_path: Path, paint) -> Path:
    """Three pictures to test on, which the small model knows, and one of another split."""
    samples = []
    for name, label, split in (
        ("a", "good", "test"),
        ("b", "crack", "test"),
        ("c", "crack", "test"),
        ("d", "good", "train"),
    ):
        # The small model takes c for a good one, and d is no copy of a picture of the other split.
        colour = {"b": "crack", "d": "scratch"}.get(name, "good")
        paint(tmp_path / f"in/{name}.png", colour)
        samples.append(Sample(f"{name}.png", label, "", split, None, name, 96, 32))
    data = DataSet(tmp_path / "in", CLASSES, tuple(samples), 0, "painted", "none", "1")
    hashed = tuple(
        replace(each, sha256=hash_picture(data.read_picture(each))) for each in data.samples
    )
    write_dataset(tmp_path / "data", replace(data, samples=hashed))
    return tmp_path / "data"


@pytest.fixture
def inspectors(tmp_path: Path) -> Path:
    (tmp_path / "inspectors.csv").write_text(INSPECTORS, encoding="utf-8")
    return tmp_path / "inspectors.csv"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_model_file_is_compared_from_the_command_line(
    data_folder, inspectors, tiny_model, tmp_path, invoke
):
    out = tmp_path / "out"
    done = invoke(
        *("evaluate", tiny_model, "--data", data_folder, "-o", out, "--against", inspectors)
    )
    assert done.exit_code == 0, done.err
    printed = " ".join(done.out.split())
    assert "The model beside 3 inspectors on 3 pictures; 3 verdicts on others left out" in printed
    # Two of two defects found, one missed; Ben and Cai only sort.
    assert "model 3 0.667 0.500 0.000 0.400 -" in printed
    assert "Ben 3 - 0.500 0.000 0.400 1.000" in printed
    assert "Cai 3 - 0.500 0.000 0.400 -0.500" in printed
    assert "No picture is in the reject zone" in printed
    assert f"Model beside inspectors: {out / 'agreement.html'}" in " ".join(done.err.split())
    assert {path.name for path in out.iterdir()} >= {*FILES, "metrics.json", "report.html"}
    detected = [(row["image"], row["probability"], row["zone"]) for row in rows(out / FILES[2])]
    assert detected == [
        ("a.png", "0.0", "accept"),
        ("b.png", str(2 / 3), "grey"),
        ("c.png", str(1 / 3), "grey"),
    ]
    page = (out / "agreement.html").read_text(encoding="utf-8")
    assert "<title>tiny.tflite beside 3 inspectors</title>" in page
    assert "9 verdicts on 3 pictures. 3 verdicts on other pictures left out. The model was" in page
    # The comparison goes with its evaluation.
    done = invoke("evaluate", tiny_model, "--data", data_folder, "-o", out, "--overwrite")
    assert done.exit_code == 0, done.err
    assert not {path.name for path in out.iterdir()} & set(FILES)


def test_verdicts_are_read_before_anything_is_measured(data_folder, inspectors, tmp_path):
    inspectors.write_text(INSPECTORS + "e.png,good,good,good\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 6: the data set has no picture 'e.png'"):
        workflow.evaluate("none.tflite", data_folder, out=tmp_path / "out", against=str(inspectors))
    inspectors.write_text("image,Anna\nd.png,good\n", encoding="utf-8")
    with pytest.raises(DataError, match="no verdict on the pictures that are measured"):
        workflow.evaluate("none.tflite", data_folder, out=tmp_path / "out", against=inspectors)
    assert not (tmp_path / "out").exists()


def test_all_pictures_of_a_study_count(data_folder, inspectors):
    data = read_dataset(data_folder)
    assert len(verdicts_on(data, data.samples, inspectors)) == 12
    assert verdicts_on(data, data.samples, None) == ()


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Two seeds, of which the second misses the crack."""
    good = Judgement("x/a.png", "aa", "good", "good", 0.2, (0.8, 0.2), None)
    found = Judgement("x/b.png", "bb", "crack", "crack", 0.9, (0.1, 0.9), None)
    missed = replace(found, label="good", defect_score=0.3, probabilities=(0.7, 0.3))
    predictions = [
        OutOfFold(judgement, 0, seed, 1.0, 0.5, 0.5, "cc")
        for seed, judgements in ((7, (good, missed)), (3, (good, found)))
        for judgement in judgements
    ]
    (tmp_path / "stored").mkdir()
    write_out_of_fold(tmp_path / "stored/out_of_fold.csv", predictions, CLASSES)
    return tmp_path / "stored/out_of_fold.csv"


def test_stored_predictions_are_compared_beside_them(stored, inspectors):
    inspectors.write_text("image;Anna\na.png;good\nb.png;crack\n", encoding="utf-8")
    recorder = Recorder()
    done = workflow.evaluate(stored.parent, against=inspectors, reporter=recorder)
    assert done.comparison is not None
    assert done.comparison.page == stored.parent / "agreement.html"
    assert {path.name for path in stored.parent.iterdir()} == {"out_of_fold.csv", *FILES}
    assert done.comparison.agreement.pictures == 2
    # The first seed counts, as in the page of a study.
    assert [row["model_label"] for row in rows(stored.parent / "detection.csv")] == [
        *("good", "crack")
    ]
    with pytest.raises(UsageError, match=r"holds a comparison already: .*--overwrite\.$"):
        workflow.evaluate(stored, against=inspectors)
    inspectors.write_text("image;Ben\na.png;good\n", encoding="utf-8")
    done = workflow.evaluate(stored, against=inspectors, out=stored.parent, overwrite=True)
    assert "Ben" in done.comparison.page.read_text(encoding="utf-8")


def test_stored_predictions_are_compared_in_another_folder(stored, inspectors, tmp_path, invoke):
    inspectors.write_text("image;Anna\na.png;good\nb.png;crack\n", encoding="utf-8")
    out = tmp_path / "new/out"
    done = invoke("evaluate", stored, "--against", inspectors, "-o", out)
    assert done.exit_code == 0, done.err
    assert {path.name for path in out.iterdir()} == set(FILES)
    assert [path.name for path in stored.parent.iterdir()] == ["out_of_fold.csv"]
    done = invoke("evaluate", stored, "--against", inspectors, "-o", stored)
    assert done.exit_code == 2
    assert "cannot be created" in done.err
    with pytest.raises(UsageError, match="leave --split and --out away"):
        workflow.evaluate(stored, split="val", against=inspectors)


def test_a_study_of_several_seeds_is_compared_by_its_first(tmp_path):
    def seeds(order):
        return [
            OutOfFold(Judgement("a.png", "", "crack", label, 0.5, (), None), 0, n, 1, 0.5, 0.5, "")
            for n, label in order
        ]

    measured = pool_predictions(seeds([(5, "good"), (2, "crack")]), CLASSES)
    verdicts = (Verdict("a.png", "Anna", "crack"),)
    done = compare_with_inspectors(measured.pooled, verdicts, tmp_path, Path("runs/study"))
    assert [each.label for each in done.agreement.detections] == ["crack"]
    assert "study beside 1 inspector" in done.page.read_text(encoding="utf-8")
