"""An audit: every metric of `metrics.json` computed again, by code that shares nothing with ours.

It reads what the commands leave: the rows of `evaluate`, the masks of the data set, those of
`predict --masks`, and for pixel metrics the mask logits of `load`. The formulas are those of
docs/metrics.md, written anew.
"""

import csv
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

import capsule_inspect
from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.drawing.capsules import draw_capsule, draw_labels

SEED = 61
"""Of the drawings, chosen so that all kinds of error occur."""
Z = 1.959963984540054
LEAST = 1 / (1 + math.exp(18))
"""Probabilities below are not told apart (docs/metrics.md)."""


@pytest.fixture(scope="module")
def source(tmp_path_factory, save_picture) -> Path:
    """46 drawn capsules, a picture of two, one without any, and a defect that nobody sees."""
    root = tmp_path_factory.mktemp("source")

    def add(name, label, picture, mask):
        save_picture(root / label / f"{name}.png", picture)
        if label != "good":
            save_picture(root / "masks" / label / f"{name}.png", np.where(mask, 255, 0))

    for index, label in enumerate(draw_labels(46, SEED)):
        drawn = draw_capsule(label, (SEED, index), 360)
        blurred = cv2.GaussianBlur(drawn.picture, (0, 0), 2.2 if index % 3 else 0.3)
        add(f"{index:02}", label, blurred, drawn.mask)
    two = [draw_capsule(label, (SEED, 100), 360) for label in ("good", "poke")]
    add(
        "two",
        "poke",
        np.hstack([each.picture for each in two]),
        np.hstack([each.mask for each in two]),
    )
    unseen = np.zeros((360, 360), bool)
    unseen[170:190, 170:190] = True
    add("unseen", "crack", draw_capsule("good", (SEED, 101), 360).picture, unseen)
    add("none", "good", np.full((200, 240, 3), 90, np.uint8), None)
    return root


@pytest.fixture(scope="module")
def audited(source, tmp_path_factory, command) -> Path:
    """What `prepare`, `evaluate` and `predict --masks` make of them."""
    out = tmp_path_factory.mktemp("audited")
    for arguments in (
        ("prepare", source, out / "data", "--no-page"),
        (
            *("evaluate", SHIPPED_MODEL, "--split", "all"),
            *("-o", out / "measured", "--data", out / "data"),
        ),
        ("predict", source, "-r", "-o", out / "found", "--masks", "--overlays", "none"),
    ):
        done = command(*arguments)
        assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def rows(audited) -> list[dict[str, str]]:
    with (audited / "measured/pictures.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def told(audited) -> dict:
    return json.loads((audited / "measured/metrics.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def masks(audited, source, rows) -> list[tuple[np.ndarray, np.ndarray]]:
    """The predicted and the true mask of each picture, bool [H, W]."""
    pairs = []
    for row in rows:
        found = cv2.imread(str(audited / "found/masks" / f"{row['path']}.png"), 0)
        true = cv2.imread(str(source / "masks" / row["path"]), 0)
        pairs.append((found > 0, np.zeros(found.shape, bool) if true is None else true >= 128))
    return pairs


def wilson(hits: int, n: int) -> tuple[float, float, float]:
    p = hits / n
    middle, half = p + Z**2 / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n * n))
    return p, (middle - half) / (1 + Z**2 / n), (middle + half) / (1 + Z**2 / n)


def newcombe(area: float, m: int, n: int) -> tuple[float, float]:
    """Where |A - T| = z sqrt(V(T)), by halving the interval."""

    def excess(t: float) -> float:
        a, b = min(m, n), max(m, n)
        low, high = sorted(((1 - t) / (2 - t), t / (1 + t)))
        variance = t * (1 - t) * (1 + (a - 1) * low + (b - 1) * high) / (m * n)
        return abs(area - t) - Z * math.sqrt(variance)

    def solve(outside: float, inside: float) -> float:
        for _ in range(200):
            middle = (outside + inside) / 2
            outside, inside = (middle, inside) if excess(middle) > 0 else (outside, middle)
        return (outside + inside) / 2

    return (solve(0.0, area), 1.0 if area == 1 else solve(1.0, area))


def test_the_set_shows_every_kind_of_error(rows):
    """What the audit needs to be worth something."""
    kinds = {(row["truth"] == "good", row["label"] == "good") for row in rows}
    assert len(kinds) == 4
    assert any(row["label"] == "no_capsule" for row in rows)
    assert any("good" not in (row["truth"], row["label"]) != row["truth"] for row in rows)


def test_labels_and_areas_are_those_of_predict(audited, rows, masks):
    with (audited / "found/predictions.csv").open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    for row, (found, true) in zip(rows, masks, strict=True):
        own = [record for record in records if record["path"].endswith(row["path"])]
        worst = max(own, key=lambda record: float(record["defect_score"] or 1))
        assert row["label"] == (worst["label"] or "no_capsule")
        assert float(row["defect_score"]) == pytest.approx(float(worst["defect_score"] or 1))
        areas = [int(row[f"{key}_area_px"]) for key in ("predicted", "true", "common")]
        assert areas == [int(each.sum()) for each in (found, true, found & true)]


def test_shares_and_their_intervals(rows, told):
    good = [row for row in rows if row["truth"] == "good"]
    bad = [row for row in rows if row["truth"] != "good"]
    right = lambda some: sum(row["label"] == row["truth"] for row in some)  # noqa: E731
    silent = lambda some: sum(row["label"] == "good" for row in some)  # noqa: E731
    expected = {
        "accuracy": (right(rows), len(rows)),
        "defect_only_accuracy": (right(bad), len(bad)),
        "presence_accuracy": (silent(good) + len(bad) - silent(bad), len(rows)),
        "false_alarm_rate": (len(good) - silent(good), len(good)),
        "miss_rate": (silent(bad), len(bad)),
    }
    metrics = {metric["name"]: metric for metric in told["metrics"]}
    for name, (hits, n) in expected.items():
        metric = metrics.pop(name)
        assert metric["n"] == n
        assert (metric["value"], metric["low"], metric["high"]) == pytest.approx(
            wilson(hits, n), abs=1e-9
        ), name
    assert metrics.keys() == {
        *("auroc", "average_precision", "dice", "iou", "dice_all", "iou_all"),
        *("pixel_auroc", "aupro", "pixel_f1"),
    }


def test_rankings(rows, told):
    metrics = {metric["name"]: metric for metric in told["metrics"]}
    good = [float(row["defect_score"]) for row in rows if row["truth"] == "good"]
    bad = [float(row["defect_score"]) for row in rows if row["truth"] != "good"]
    pairs = [(b > g) + (b == g) / 2 for b in bad for g in good]
    area = sum(pairs) / len(pairs)
    auroc = metrics["auroc"]
    assert auroc["value"] == pytest.approx(area, abs=1e-9)
    assert (auroc["low"], auroc["high"]) == pytest.approx(
        newcombe(area, len(bad), len(good)), abs=1e-6
    )
    precision, recall_before = 0.0, 0.0
    for threshold in sorted({*good, *bad}, reverse=True):
        called_bad = sum(score >= threshold for score in bad)
        called = called_bad + sum(score >= threshold for score in good)
        precision += (called_bad / len(bad) - recall_before) * called_bad / called
        recall_before = called_bad / len(bad)
    assert metrics["average_precision"]["value"] == pytest.approx(precision, abs=1e-9)


def overlaps(pairs) -> list[tuple[float, float]]:
    """Dice and IoU of each pair of masks."""
    results = []
    for found, true in pairs:
        common, either = int((found & true).sum()), int((found | true).sum())
        if either == 0:
            results.append((1.0, 1.0))
        else:
            results.append((2 * common / (int(found.sum()) + int(true.sum())), common / either))
    return results


def test_masks(rows, masks, told):
    metrics = {metric["name"]: metric["value"] for metric in told["metrics"]}
    of_all = overlaps(masks)
    of_bad = [each for each, (_, true) in zip(of_all, masks, strict=True) if true.any()]
    for place, name in enumerate(("dice", "iou")):
        mean = sum(each[place] for each in of_bad) / len(of_bad)
        assert metrics[name] == pytest.approx(mean, abs=1e-9)
        mean = sum(each[place] for each in of_all) / len(of_all)
        assert metrics[f"{name}_all"] == pytest.approx(mean, abs=1e-9)
    for row, own in zip(rows, of_all, strict=True):
        assert (float(row["dice"]), float(row["iou"])) == pytest.approx(own, abs=1e-9)


def test_classes_and_confusion(rows, masks, told):
    names = told["confusion"]["rows"]
    columns = told["confusion"]["columns"]
    counts = [
        [sum((row["truth"], row["label"]) == (true, label) for row in rows) for label in columns]
        for true in names
    ]
    assert told["confusion"]["counts"] == counts
    of_all = overlaps(masks)
    assert [each["name"] for each in told["per_class"]] == names
    for each in told["per_class"]:
        name = each["name"]
        own = [row for row in rows if row["truth"] == name]
        named = [row for row in rows if row["label"] == name]
        metrics = {metric["name"]: metric for metric in each["metrics"]}
        hits = sum(row["label"] == name for row in own)
        expected = {
            "recall": (hits, len(own)),
            "presence": (sum(row["label"] != "good" for row in own), len(own)),
            **({"precision": (hits, len(named))} if named else {}),
        }
        for metric_name, (k, n) in expected.items():
            metric = metrics.pop(metric_name)
            assert (metric["value"], metric["low"], metric["high"]) == pytest.approx(
                wilson(k, n), abs=1e-9
            )
        mine = [pair for pair, row in zip(of_all, rows, strict=True) if row["truth"] == name]
        if name != "good":
            for place, metric_name in enumerate(("dice", "iou")):
                mean = sum(pair[place] for pair in mine) / len(mine)
                assert metrics.pop(metric_name)["value"] == pytest.approx(mean, abs=1e-9)
        assert not metrics


def probability_of_defect(finding, shape: tuple[int, int]) -> np.ndarray:
    """Interpolates 1 - p(background) at every pixel of a picture; 0 outside the window."""
    logits = finding.outputs.mask_logits.astype(np.float64)
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    values = 1 - shares[..., 0] / shares.sum(-1)
    (rows, columns), roi = values.shape, finding.crop.roi
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    (a, b, c), (d, e, f) = finding.crop.matrix
    across, down = a * x + b * y + c, d * x + e * y + f
    inside = (across >= 0) & (across < roi.width) & (down >= 0) & (down < roi.height)
    column = np.clip(across * columns / roi.width - 0.5, 0, columns - 1)
    row = np.clip(down * rows / roi.height - 0.5, 0, rows - 1)
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
    s, t = column - left, row - top
    upper = (1 - s) * values[top, left] + s * values[top, right]
    lower = (1 - s) * values[bottom, left] + s * values[bottom, right]
    return np.where(inside, (1 - t) * upper + t * lower, 0.0)


def test_pixels(source, rows, masks, told):
    metrics = {metric["name"]: metric["value"] for metric in told["metrics"]}
    inspector = capsule_inspect.load(SHIPPED_MODEL)
    defect, sound, shares = [], [], []
    for row, (_, true) in zip(rows, masks, strict=True):
        picture = capsule_inspect.read_picture(source / row["path"])
        scores = np.zeros(true.shape)
        for finding in inspector.inspect(picture):
            scores = np.maximum(scores, probability_of_defect(finding, true.shape))
        scores[scores < LEAST] = 0
        count, regions = cv2.connectedComponents(true.astype(np.uint8), connectivity=8)
        for number in range(1, count):
            region = scores[regions == number]
            shares.append((region, np.full(region.size, 1 / region.size)))
        defect.append(scores[true])
        sound.append(scores[~true])
    defect, sound = np.concatenate(defect), np.sort(np.concatenate(sound))
    below = np.searchsorted(sound, defect, "left")
    equal = np.searchsorted(sound, defect, "right") - below
    area = (below + equal / 2).mean() / sound.size
    assert metrics["pixel_auroc"] == pytest.approx(area, abs=2e-4)

    # Every score of any pixel is a threshold.
    scores = np.concatenate([sound, *(region for region, _ in shares)])
    nothing = np.zeros(sound.size)
    weights = np.concatenate([nothing, *(weight for _, weight in shares)]) / len(shares)
    is_sound = np.arange(scores.size) < sound.size
    order = np.argsort(-scores)
    last = np.append(np.diff(scores[order]) < 0, True)  # of those with one score
    overlap = np.append(0.0, np.cumsum(weights[order])[last])
    alarms = np.append(0.0, np.cumsum(is_sound[order])[last] / sound.size)
    within = alarms <= 0.3
    x = np.append(alarms[within], 0.3)
    y = np.append(overlap[within], np.interp(0.3, alarms, overlap))
    assert metrics["aupro"] == pytest.approx(np.trapezoid(y, x) / 0.3, abs=2e-4)

    found = np.sort(defect)[::-1]
    alarms = sound.size - np.searchsorted(sound, found, "left")
    hits = found.size - np.searchsorted(found[::-1], found, "left")
    f1 = 2 * hits / (hits + alarms + found.size)
    assert metrics["pixel_f1"] == pytest.approx(f1.max(), abs=2e-4)
