"""What is said of accuracy is what the stored out-of-fold predictions say."""

import csv
import json
import re
from pathlib import Path

import pytest

from capsule_inspect.cli.predict import SHIPPED_MODEL
from capsule_inspect.modelfile.bundle import read_bundle

ROOT = Path(__file__).parents[2]
STUDIES = {form: ROOT / "experiments" / f"cross_validation_{form}" for form in ("float32", "int8")}
CARD = ROOT / "capsule_inspect" / "assets" / "MODEL_CARD.md"


def metrics(form: str) -> dict[str, dict[str, float]]:
    document = json.loads((STUDIES[form] / "metrics.json").read_text(encoding="utf-8"))
    return {metric["name"]: metric for metric in document["metrics"]}


@pytest.mark.parametrize("form", STUDIES)
def test_one_command_prints_the_table_again(form, invoke):
    done = invoke("evaluate", STUDIES[form])
    assert done.exit_code == 0, done.err
    for name, metric in metrics(form).items():
        row = next(line for line in done.out.splitlines() if line.split()[:1] == [name])
        assert [float(n) for n in re.findall(r"\d\.\d+", row)] == pytest.approx(
            [metric["value"], metric["low"], metric["high"]], abs=6e-4
        )


@pytest.mark.parametrize("form", STUDIES)
def test_every_picture_is_judged_once_by_the_one_network_that_has_not_seen_it(form):
    with (STUDIES[form] / "out_of_fold.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len({row["sha256"] for row in rows}) == len(rows) == 298
    networks = {row["fold"]: row["model_sha256"] for row in rows}
    assert len(set(networks.values())) == len(networks) == 5
    assert all(row["model_sha256"] == networks[row["fold"]] for row in rows)


def test_quantizing_changes_no_metric_by_more_than_a_hundredth():
    int8 = metrics("int8")
    for name, metric in metrics("float32").items():
        assert int8[name]["value"] == pytest.approx(metric["value"], abs=0.01), name


def test_the_shipped_file_carries_the_pooled_figures():
    stored = {m.name: m.value for m in read_bundle(SHIPPED_MODEL).metadata.metrics}
    assert stored == {name: m["value"] for name, m in metrics("int8").items()}


@pytest.mark.parametrize("page", [CARD, ROOT / "README.md"], ids=lambda page: page.name)
def test_documents_state_the_pooled_figures(page):
    text = page.read_text(encoding="utf-8")
    rows = {
        "accuracy (6 classes)": "accuracy",
        "defect-only accuracy": "defect_only_accuracy",
        "presence accuracy": "presence_accuracy",
        "AUROC": "auroc",
        "Dice on defects": "dice",
        "IoU on defects": "iou",
        "false alarm rate": "false_alarm_rate",
        "miss rate": "miss_rate",
    }
    for title, name in rows.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| {title} |"))
        for form in STUDIES:
            assert f"{metrics(form)[name]['value']:.3f}".lstrip("0") in line.replace("*", ""), title
        metric = metrics("int8")[name]
        low, high = (f"{metric[end]:.3f}".lstrip("0") for end in ("low", "high"))
        assert f"{low} to {high}" in line
