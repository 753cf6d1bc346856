"""A model that leaves doubtful pictures to a person, from its file to the rows."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from capsule_inspect.inference.records import read_records
from capsule_inspect.modelfile.bundle import read_bundle, write_bundle
from capsule_inspect.modelfile.metadata import Metric, ReviewBand


def decisions(out: Path) -> list[str]:
    """The last cell of each row."""
    with (out / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert header[-1] == "decision"
    return [row[-1] for row in rows]


@pytest.fixture
def with_review(tiny_model: Path, tmp_path: Path):
    """The small model with a review band; returns its file."""

    def make(low: float, high: float) -> Path:
        bundle = read_bundle(tiny_model)
        expected = (Metric("defect_accept", 0.01, 100, 0.001, 0.05),)
        point = replace(
            bundle.metadata.operating_point, review=ReviewBand(low, high, 0.01, 0.02, expected)
        )
        metadata = replace(bundle.metadata, operating_point=point)
        write_bundle(tmp_path / f"{low}-{high}.tflite", bundle.flatbuffer, metadata)
        return tmp_path / f"{low}-{high}.tflite"

    return make


def test_without_a_band_labels_decide(predict, pictures, tmp_path):
    (pictures / "e.png").write_bytes(b"none")
    assert predict(pictures, "-o", tmp_path / "out").exit_code == 3
    assert decisions(tmp_path / "out") == ["accept", "reject", "reject", "accept", ""]


def test_scores_in_the_band_are_for_review(invoke, with_review, pictures, tmp_path):
    model = with_review(0.2, 0.99)
    (pictures / "e.png").write_bytes(b"none")
    done = invoke("predict", "--model", model, pictures, "-o", tmp_path / "out", "--report")
    assert done.exit_code == 3
    assert "; 1 unreadable; 2 for review" in done.err
    records = read_records(tmp_path / "out/predictions.csv")
    assert [r.decision for r in records] == decisions(tmp_path / "out")
    scores = [r.defect_score for r in records[:-1]]
    assert scores == pytest.approx([0.135, 0.982, 0.9975, 0.135], abs=1e-3)
    assert [r.decision for r in records[:-1]] == ["accept", "review", "reject", "accept"]
    assert records[-1].decision == "review"  # a person looks at what could not be read
    run = json.loads((tmp_path / "out/run.json").read_text())
    assert (run["accept_below"], run["reject_from"]) == (0.2, 0.99)
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "for review" in page


def test_only_a_warning_leaves_a_clear_score_to_a_person(invoke, with_review, tmp_path, paint):
    paint(tmp_path / "in/a.png", "good")
    (tmp_path / "in/b.png").write_bytes((tmp_path / "in/a.png").read_bytes()[:-20])
    model = with_review(0.4, 0.4)
    invoke("predict", "--model", model, tmp_path / "in", "-o", tmp_path / "out")
    first, second = read_records(tmp_path / "out/predictions.csv")
    assert (first.warning, first.decision) == ("", "accept")
    assert second.status == "error" or second.warning
    assert second.decision == "review"


def test_what_is_for_review_is_not_good(invoke, with_review, pictures, tmp_path):
    for name in "bc":
        (pictures / f"{name}.png").unlink()
    model = with_review(0.0, 1.0)
    done = invoke("predict", "--model", model, pictures, "-o", tmp_path / "out", "--fail-on-defect")
    assert done.exit_code == 1
    assert "Not all pictures are good: 0 defective pictures, 2 for review" in done.err


def test_a_run_with_another_band_is_not_resumed(invoke, with_review, pictures, tmp_path):
    out = tmp_path / "out"
    assert invoke("predict", "--model", with_review(0.1, 0.9), pictures, "-o", out).exit_code == 0
    other = with_review(0.2, 0.9)
    done = invoke("predict", "--model", other, pictures, "-o", out, "--resume")
    assert done.exit_code == 2
    same = with_review(0.1, 0.9)
    assert invoke("predict", "--model", same, pictures, "-o", out, "--resume").exit_code == 0
    assert invoke("verify", out, "--model", same).exit_code == 0


def test_another_threshold_takes_the_band_away(invoke, with_review, pictures, tmp_path):
    model = with_review(0.0, 1.0)
    invoke("predict", "--model", model, pictures, "-o", tmp_path / "out", "--threshold", "0.4")
    assert decisions(tmp_path / "out") == ["accept", "reject", "reject", "accept"]


def test_info_tells_the_band_and_what_to_expect(invoke, with_review):
    done = invoke("info", with_review(0.125, 0.75))
    assert done.exit_code == 0
    text = " ".join(done.out.split())
    assert "review from 0.125 to below 0.75, and where a warning questions the picture" in text
    assert "with review 1.0% (0.1% to 5.0%) of defects accepted" in text


def test_rows_of_older_versions_are_read(predict, pictures, tmp_path):
    out = tmp_path / "out"
    predict(pictures, "-o", out)
    lines = (out / "predictions.csv").read_text(encoding="utf-8").splitlines()
    older = [line.rpartition(",")[0] for line in lines]
    (tmp_path / "older.csv").write_text("\n".join(older) + "\n", encoding="utf-8")
    records = read_records(tmp_path / "older.csv")
    assert [r.label for r in records] == ["good", "crack", "scratch", "good"]
    assert {r.decision for r in records} == {""}
