import json
import re
from dataclasses import replace

import numpy as np
import pytest
from recorder import Recorder

from capsule_inspect.dataset.data_set import DataSet, write_dataset
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.pixel_hash import hash_picture
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.evaluation.cross_validation import (
    OutOfFold,
    pool_predictions,
    write_out_of_fold,
)
from capsule_inspect.evaluation.evaluate import evaluate
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs
from capsule_inspect.settings.groups import Settings, TrainSettings
from capsule_inspect.settings.yaml_text import to_yaml
from capsule_inspect.workflows import evaluate as workflow
from capsule_inspect.workflows.evaluate import (
    evaluate_stored,
    find_stored_predictions,
    report_evaluation,
    report_study,
)

pytest.importorskip("sklearn", reason="evaluate needs the train extra")


CLASSES = ("good", "crack")
RIGHT = Judgement("a.png", "aa", "crack", "crack", 0.9, (0.1, 0.9), None)
GOOD = Judgement("b.png", "bb", "good", "good", 0.2, (0.8, 0.2), None)


@pytest.fixture
def stored(tmp_path):
    """Two pictures, of which the second seed takes the crack for a good one."""
    missed = replace(RIGHT, label="good", defect_score=0.3, probabilities=(0.7, 0.3))
    rows = [
        OutOfFold(judgement, 0, seed, 1.0, 0.5, 0.5, "cc")
        for seed, judgements in enumerate([(RIGHT, GOOD), (missed, GOOD)])
        for judgement in judgements
    ]
    write_out_of_fold(tmp_path / "out_of_fold.csv", rows, CLASSES)
    return tmp_path / "out_of_fold.csv"


def test_stored_predictions_are_found_by_their_folder_and_by_name(stored):
    assert find_stored_predictions(stored) == find_stored_predictions(stored.parent) == stored
    assert find_stored_predictions(stored.with_name("model.tflite")) is None
    assert find_stored_predictions(stored.parent / "none") is None


def test_metrics_are_means_over_seeds_and_the_confusion_matrix_is_summed(stored, invoke):
    metrics = {metric.name: metric for metric in evaluate_stored(stored).metrics}
    assert (metrics["accuracy"].value, metrics["accuracy"].n) == (0.75, 2)
    assert metrics["miss_rate"].value == 0.5
    out = " ".join(invoke("evaluate", stored).out.split())
    assert "Measured on 2 pictures, as" in out
    assert "sd over seeds" in out
    assert "decided class (columns), summed over 2 seeds" in out
    assert "good 2 · · crack 1 1 ·" in out
    assert "Threshold 0.5, the same for every network. By class" in out


def test_the_thresholds_of_several_networks_are_said(stored, invoke):
    text = stored.read_text(encoding="utf-8")
    first, *rows = text.splitlines()
    place = first.split(",").index("threshold")
    cells = [row.split(",") for row in rows]
    for row, threshold in zip(cells, ("0.4", "0.25", "0.4", "0.31"), strict=True):
        row[place] = threshold
    lines = [first, *(",".join(row) for row in cells)]
    stored.write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = " ".join(invoke("evaluate", stored).out.split())
    assert "Thresholds from 0.25 to 0.4, that of each network chosen on the other folds." in out


pytest.importorskip("sklearn", reason="evaluate needs the train extra")


def inspector(sees_cracks: bool = True) -> Inspector:
    """Takes green for a crack, if it sees cracks at all."""

    def run(window):
        is_crack = sees_cracks and window[..., 1].mean() > 128
        return Outputs(np.array([0.0, 4.0 if is_crack else -4.0], np.float32), None)

    return Inspector(run, CLASSES, Roi("whole", 48, 16, 42), OperatingPoint())


@pytest.fixture
def data(tmp_path, paint) -> DataSet:
    samples = []
    for name, label in (("a", "good"), ("b", "crack"), ("c", "good")):
        paint(tmp_path / f"{name}.png", label)
        samples.append(Sample(f"{name}.png", label, "", "test", None, f"{name}", 96, 32))
    return DataSet(tmp_path, CLASSES, tuple(samples), 0, "", "", "")


def test_the_page_of_a_model_says_what_was_measured(data, tmp_path):
    measured = evaluate(data, "test", inspector())
    report_evaluation(tmp_path, measured, data, inspector(), tmp_path / "model.tflite")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<title>model.tflite: 3 pictures of the split &#39;test&#39;</title>" in page
    assert "at the threshold 0.5." in page


def test_the_page_of_several_seeds_says_of_which_its_matrix_and_pictures_are(data, tmp_path):
    predictions = [
        OutOfFold(judgement, 0, seed, 1.0, 0.5, 0.5, "cc")
        for seed, sees in ((4, False), (5, True))
        for judgement in evaluate(data, "test", inspector(sees)).judgements
    ]
    measured = pool_predictions(predictions, CLASSES)
    report_study(tmp_path, measured, data, {0: inspector(False)}, "study")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "means over 2 seeds; charts, the confusion matrix and pictures are of seed 4." in page
    assert page.count("<tr data-group=") == 3
    matrix = page.split('class="matrix"')[1].split("</table>")[0]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", matrix) == ["2", "·", "·", "1", "·", "·"]
    assert "<td>accuracy</td>" in page
    assert f"{(2 / 3 + 1) / 2:.4f}" in page


def test_one_seed_is_not_spoken_of(data, tmp_path):
    judgements = evaluate(data, "test", inspector()).judgements
    predictions = [OutOfFold(each, 0, 4, 1.0, 0.5, 0.5, "cc") for each in judgements]
    measured = pool_predictions(predictions, CLASSES)
    report_study(tmp_path, measured, data, {0: inspector()}, "study")
    assert "seed" not in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def data_folder(data, tmp_path):
    """The pictures of `data` as a data set folder."""
    said = {"source": "painted", "licence": "none", "version": "1"}
    samples = tuple(
        replace(each, sha256=hash_picture(data.read_picture(each))) for each in data.samples
    )
    write_dataset(tmp_path / "data", replace(data, samples=samples, **said))
    return tmp_path / "data"


def test_a_model_is_measured_on_a_split_and_told_of(data_folder, tiny_model, tmp_path, capfd):
    recorder = Recorder()
    done = workflow.evaluate(
        str(tiny_model), str(data_folder), out=str(tmp_path / "out"), reporter=recorder
    )
    assert {metric.name: metric.value for metric in done.metrics}["accuracy"] == 1
    assert done.pictures == "the 3 pictures of the split 'test'"
    assert (done.file, done.data, done.spread) == (tiny_model, data_folder, {})
    assert done.folder == tmp_path / "out"
    assert done.report == tmp_path / "out/report.html"
    assert done.report.is_file()
    environment = json.loads((done.folder / "environment.json").read_text())
    assert f"data.dir={data_folder}" in environment["overrides"]
    assert recorder.said == [f"Measuring {tiny_model}."]
    assert [sentence.partition(" than ")[0] for sentence in recorder.warned] == [
        "The model was trained on another split of pictures"
    ]
    assert done.caution == recorder.warned[0]
    assert done.caution in done.report.read_text(encoding="utf-8").replace("&#39;", "'")
    assert recorder.counted == [("Evaluating", i, 3) for i in range(1, 4)]
    assert capfd.readouterr() == ("", "")


def test_an_empty_split_is_refused_and_leaves_no_folder(data_folder, tiny_model, tmp_path):
    with pytest.raises(DataError, match="val"):
        workflow.evaluate(tiny_model, data_folder, split="val", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_stored_predictions_are_only_read(stored):
    done = workflow.evaluate(stored.parent)
    assert {metric.name: metric.value for metric in done.metrics}["accuracy"] == 0.75
    assert done.spread["accuracy"] == pytest.approx(0.25 * 2**0.5)
    assert (done.file, done.data, done.folder, done.report) == (None, None, None, None)
    for choice in ({"split": "val"}, {"out": stored.parent / "out"}):
        with pytest.raises(UsageError, match="leave --split and --out away"):
            workflow.evaluate(stored, **choice)


def test_one_run_of_a_study_and_an_unfinished_study_are_refused(data_folder, tmp_path):
    study = tmp_path / "study"
    (study / "seed-0-fold-0").mkdir(parents=True)
    settings = Settings(train=TrainSettings(folds=2))
    (study / "config.yaml").write_text(to_yaml(settings))
    with pytest.raises(UsageError, match=f"Evaluate the study: .* evaluate {study}$"):
        workflow.evaluate(study / "seed-0-fold-0", data_folder)
    with pytest.raises(UsageError, match=r"Leave --split\.$"):
        workflow.evaluate(study, data_folder, split="test")
    with pytest.raises(UsageError, match=r"2 of the 2 runs of .* are not finished"):
        workflow.evaluate(study, data_folder)
