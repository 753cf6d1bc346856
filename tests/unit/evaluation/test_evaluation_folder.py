import csv
import json
from pathlib import Path

import pytest

from capsule_inspect.choices import NO_CAPSULE
from capsule_inspect.errors import UsageError
from capsule_inspect.evaluation.agreement import compare
from capsule_inspect.evaluation.cross_validation import CrossValidation, OutOfFold
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.evaluation_folder import (
    StudyFacts,
    clear_evaluation,
    write_agreement,
    write_cross_validation,
    write_evaluation,
)
from capsule_inspect.evaluation.inspectors import Verdict
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.metrics import ClassMetrics, ConfusionMatrix
from capsule_inspect.evaluation.pixels import Overlap
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint

JUDGEMENTS = (
    Judgement("a.png", "aa", "crack", "crack", 0.75, (0.25, 0.75), Overlap(3, 4, 4)),
    Judgement("b,c.png", "bb", "good", NO_CAPSULE, 1.0, (), None),
)
CLASSES = ("good", "crack")
PER_CLASS = (
    ClassMetrics("good", 1, (Metric("recall", 0.0, 1, 0.0, 0.8),)),
    ClassMetrics("crack", 1, ()),
)
CONFUSION = ConfusionMatrix(CLASSES, (*CLASSES, NO_CAPSULE), ((0, 0, 1), (0, 1, 0)))
METRICS = (Metric("accuracy", 0.5, 2, 0.1, 0.9), Metric("dice", 0.75, 1, None, None))


def test_an_evaluation_is_cleared_and_nothing_else(tmp_path):
    evaluation = Evaluation("test", CLASSES, JUDGEMENTS, METRICS, PER_CLASS, CONFUSION)
    write_evaluation(tmp_path, evaluation, Path("model.tflite"), "f" * 64)
    for name in ("config.yaml", "environment.json", "report.html", "notes.txt"):
        (tmp_path / name).touch()
    clear_evaluation(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(UsageError, match="holds no evaluation to overwrite"):
        clear_evaluation(tmp_path)
    (tmp_path / "notes.txt").unlink()
    clear_evaluation(tmp_path)
    clear_evaluation(tmp_path / "nowhere")


def test_metrics_and_pictures_are_written_down(tmp_path):
    evaluation = Evaluation("test", CLASSES, JUDGEMENTS, METRICS, PER_CLASS, CONFUSION)
    write_evaluation(tmp_path, evaluation, Path("model.tflite"), "f" * 64)
    document = json.loads((tmp_path / "metrics.json").read_text())
    assert document["n"] == 2
    assert document["model_sha256"] == "f" * 64
    assert (document["trained_on_this_split"], document["caution"]) == (True, "")
    assert document["metrics"][0] == {
        "name": "accuracy",
        "value": 0.5,
        "n": 2,
        "low": 0.1,
        "high": 0.9,
    }
    assert document["per_class"] == [
        {
            "name": "good",
            "n": 1,
            "metrics": [{"name": "recall", "value": 0.0, "n": 1, "low": 0.0, "high": 0.8}],
        },
        {"name": "crack", "n": 1, "metrics": []},
    ]
    assert document["confusion"] == {
        "rows": ["good", "crack"],
        "columns": ["good", "crack", "no_capsule"],
        "counts": [[0, 0, 1], [0, 1, 0]],
    }
    write_evaluation(tmp_path, evaluation, Path("model.tflite"), "f" * 64, "It has seen them.")
    cautious = json.loads((tmp_path / "metrics.json").read_text())
    assert cautious == {
        **document,
        "trained_on_this_split": False,
        "caution": "It has seen them.",
    }
    with (tmp_path / "pictures.csv").open(newline="") as stream:
        first, second = csv.DictReader(stream)
    assert first["path"] == "a.png"
    assert (first["p_good"], first["p_crack"]) == ("0.25", "0.75")
    assert float(first["dice"]) == 0.75
    assert float(first["iou"]) == 0.6
    assert (first["true_area_px"], first["predicted_area_px"]) == ("4", "4")
    assert (second["path"], second["label"], second["dice"]) == ("b,c.png", "no_capsule", "")
    assert second["p_crack"] == ""
    assert first["model_sha256"] == "f" * 64


def test_a_study_is_written_down_seed_by_seed(tmp_path):
    worse = (Metric("accuracy", 0.25, 2, 0.0, 0.5),)
    by_seed = {
        seed: Evaluation("out of fold", CLASSES, JUDGEMENTS, metrics, PER_CLASS, CONFUSION)
        for seed, metrics in ((3, METRICS[:1]), (4, worse))
    }
    predictions = tuple(
        OutOfFold(judgement, fold, seed, 1.5, 0.4, 0.35, "ab" * 32)
        for seed in by_seed
        for fold, judgement in enumerate(JUDGEMENTS)
    )
    facts = StudyFacts(
        study=Path("runs/study"),
        file="model.tflite",
        point=OperatingPoint(1.5, 0.4, 0.35, "two pictures"),
        pictures_sha256="cd" * 32,
        measured_on="two pictures, out of fold",
    )
    write_cross_validation(tmp_path, CrossValidation(by_seed[3], predictions, by_seed), facts)
    document = json.loads((tmp_path / "metrics.json").read_text())
    assert document["study"] == "runs/study"
    assert (document["n"], document["split"]) == (2, "out of fold")
    assert document["operating_point"]["threshold"] == 0.4
    assert document["pictures_sha256"] == "cd" * 32
    # Of 0.5 and 0.25 the standard deviation is their difference over the root of 2.
    assert document["spread"]["accuracy"] == pytest.approx(0.25 / 2**0.5)
    values = [(each["seed"], each["metrics"][0]["value"]) for each in document["by_seed"]]
    assert values == [(3, 0.5), (4, 0.25)]
    with (tmp_path / "out_of_fold.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["seed"], row["fold"], row["path"]) for row in rows] == [
        ("3", "0", "a.png"),
        ("3", "1", "b,c.png"),
        ("4", "0", "a.png"),
        ("4", "1", "b,c.png"),
    ]


def test_a_comparison_with_inspectors_is_written_down_and_cleared(tmp_path):
    judgements = (
        Judgement("a.png", "aa", "crack", "crack", 0.75, (0.25, 0.75), None),
        Judgement("b,c.png", "bb", "crack", NO_CAPSULE, 1.0, (), None),
    )
    verdicts = [
        Verdict("a.png", "Anna", "crack", 1),
        Verdict("a.png", "Anna", "good", 2),
        Verdict("b,c.png", "Ben; =1", "defective", 1),
        Verdict("a.png", "Ben; =1", "defective", 1),
    ]
    write_agreement(tmp_path, compare(judgements, verdicts, CLASSES))

    def read(name: str) -> list[dict[str, str]]:
        with (tmp_path / name).open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    first, second = read("detection.csv")
    assert first == {
        "image": "a.png",
        "truth": "crack",
        "verdicts": "3",
        "defective": "2",
        "probability": str(2 / 3),
        "zone": "grey",
        "model_label": "crack",
        "model_score": "0.75",
        "model_rejects": "1",
    }
    assert (second["image"], second["zone"], second["model_rejects"]) == ("b,c.png", "reject", "1")
    pairs = {(r["rater_1"], r["rater_2"], r["kind"], r["class"]): r for r in read("agreement.csv")}
    both = pairs["truth", "Anna", "presence", ""]
    assert (both["n"], both["agreement"]) == ("1", "1.0")
    # All is defective, and there is no kappa: an empty cell, no number.
    assert (both["kappa"], both["kappa_low"], both["kappa_high"]) == ("", "", "")
    assert pairs["Anna", "Anna", "presence", ""]["agreement"] == "0.0"
    assert ("model", "Ben; =1", "class", "") not in pairs
    rates = {(r["rater"], r["class"], r["metric"]): r["value"] for r in read("rates.csv")}
    assert rates["model", "", "accuracy"] == "0.5"
    assert rates["Ben; =1", "crack", "miss_rate"] == "0.0"
    assert rates["all inspectors", "", "reject_zone_rejected"] == "1.0"
    assert rates["model", "", "reject_zone_rejected"] == "1.0"
    assert "nan" not in "".join(p.read_text().lower() for p in tmp_path.iterdir())
    (tmp_path / "agreement.html").touch()
    (tmp_path / "metrics.json").touch()
    clear_evaluation(tmp_path)
    assert list(tmp_path.iterdir()) == []
