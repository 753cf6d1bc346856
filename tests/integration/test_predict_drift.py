"""Drift, as `predict` says it: drawn capsules are unlike the photographs of the shipped model."""

import json
import re

import pytest

from capsule_inspect.drawing.capsules import draw_capsule

WARNING = re.compile(
    r"Warning: These pictures differ from the training pictures: ([a-z ,]+)\. "
    r"Labels are less reliable\. See `drift` in run\.json\."
)


@pytest.fixture
def drawn(tmp_path, save_picture):
    for seed in range(6):
        save_picture(tmp_path / f"in/{seed}.png", draw_capsule("good", seed, 500).picture)
    return tmp_path / "in"


def test_words_go_to_the_terminal_and_numbers_to_run_json_and_the_report(invoke, drawn, tmp_path):
    out = tmp_path / "out"
    result = invoke("predict", drawn, "-o", out, "--report")
    assert result.exit_code == 0
    words = WARNING.search(" ".join(result.err.split()))[1].split(", ")
    assert "smaller" in words  # of 500 pixels, where the photographs have 1000
    drift = {shift["name"]: shift for shift in json.loads((out / "run.json").read_text())["drift"]}
    assert drift["length"]["median"] < drift["length"]["low"] < drift["length"]["high"]
    assert all(s["median"] < s["low"] or s["median"] > s["high"] for s in drift.values())
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"training pictures: {', '.join(words)}. Labels are less reliable." in page
    assert f"{drift['length']['low']:.1f} to {drift['length']['high']:.1f}" in page


def test_a_report_made_afterwards_says_it_too(invoke, drawn, tmp_path):
    out = tmp_path / "out"
    first = invoke("predict", drawn, "-o", out)
    again = invoke("predict", drawn, "-o", out, "--resume", "--report")
    assert again.exit_code == 0
    warnings = [WARNING.search(" ".join(each.err.split()))[0] for each in (first, again)]
    assert warnings[0] == warnings[1]
    assert "differ from the training pictures" in (out / "report.html").read_text(encoding="utf-8")


def test_a_few_pictures_raise_no_warning(invoke, drawn, tmp_path):
    result = invoke("predict", drawn / "0.png", "-o", tmp_path / "out")
    assert "Warning" not in result.err
