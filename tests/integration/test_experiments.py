"""The documented accuracy is that of the stored out-of-fold predictions."""

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.modelfile.bundle import read_bundle

ROOT = Path(__file__).parents[2]
STUDIES = {form: ROOT / "experiments" / f"cross_validation_{form}" for form in ("float32", "int8")}

OF_PIXELS = ("pixel_auroc", "aupro", "pixel_f1")
"""Metrics that the stored predictions cannot give, since they hold no maps."""


THREE_MEMBERS = {form: ROOT / "experiments" / f"three_members_{form}" for form in STUDIES}
UNET_LITE0 = {form: ROOT / "experiments" / f"unet_lite0_{form}" for form in STUDIES}
SEEDS = {
    **dict.fromkeys(UNET_LITE0.values(), 1),
    **dict.fromkeys((*THREE_MEMBERS.values(), *STUDIES.values()), 3),
}
"""The fold seeds of each study."""


def metrics(form: str, studies: Mapping[str, Path] = STUDIES) -> dict[str, dict[str, float]]:
    document = json.loads((studies[form] / "metrics.json").read_text(encoding="utf-8"))
    return {metric["name"]: metric for metric in document["metrics"]}


@pytest.mark.parametrize(
    "studies",
    [STUDIES, THREE_MEMBERS, UNET_LITE0],
    ids=["shipped", "three members", "U-Net, Lite0"],
)
@pytest.mark.parametrize("form", STUDIES)
def test_one_command_prints_the_table_again(form, studies, invoke):
    pytest.importorskip("sklearn")
    done = invoke("evaluate", studies[form])
    assert done.exit_code == 0, done.err
    lines = done.out.splitlines()
    for name, metric in metrics(form, studies).items():
        if name in OF_PIXELS:
            continue
        row = next(line for line in lines if line.split()[:1] == [name])
        shown = [float(n) for n in re.findall(r"\d\.\d+", row)]
        assert shown[:3] == pytest.approx(
            [metric["value"], metric["low"], metric["high"]], abs=6e-4
        )


@pytest.mark.parametrize("study", SEEDS, ids=lambda study: study.name)
def test_every_picture_is_judged_once_a_seed_by_the_network_that_has_not_seen_it(study):
    with (study / "out_of_fold.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    seeds = {row["seed"] for row in rows}
    assert seeds == {str(seed) for seed in range(1, 1 + SEEDS[study])}
    for seed in seeds:
        of_seed = [row["sha256"] for row in rows if row["seed"] == seed]
        assert len(set(of_seed)) == len(of_seed) == 298
    networks = {(row["seed"], row["fold"]): row["model_sha256"] for row in rows}
    assert len(set(networks.values())) == len(networks) == 5 * len(seeds)
    assert all(row["model_sha256"] == networks[row["seed"], row["fold"]] for row in rows)


@pytest.mark.parametrize(
    "studies",
    [STUDIES, THREE_MEMBERS, UNET_LITE0],
    ids=["shipped", "three members", "U-Net, Lite0"],
)
def test_quantizing_changes_no_metric_by_more_than_one_defective_picture_of_92(studies):
    int8 = metrics("int8", studies)
    for name, metric in metrics("float32", studies).items():
        assert int8[name]["value"] == pytest.approx(metric["value"], abs=1 / 92 + 1e-6), name


def test_the_shipped_file_carries_the_pooled_figures():
    stored = {m.name: (m.value, m.low, m.high) for m in read_bundle(SHIPPED_MODEL).metadata.metrics}
    pooled = metrics("int8").items()
    assert stored == {name: (m["value"], m["low"], m["high"]) for name, m in pooled}


@pytest.mark.parametrize(
    "page",
    [
        ROOT / "README.md",
        ROOT / "capsule_inspect/assets/MODEL_CARD.md",
        ROOT / "experiments/README.md",
    ],
    ids=lambda page: str(page.relative_to(ROOT)),
)
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
        lines = [line for line in text.splitlines() if line.startswith(f"| {title} |")]
        (cells,) = ([cell.strip() for cell in line.split("|")] for line in lines)
        assert cells[3:5] == [short(metrics(form)[name]["value"]) for form in STUDIES], title
        metric = metrics("int8")[name]
        assert cells[5] == f"{short(metric['low'])} to {short(metric['high'])}", title


def short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
