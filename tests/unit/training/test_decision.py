import json
from dataclasses import replace
from pathlib import Path

import pytest

from capsule_inspect.errors import DataError, ModelFileError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.metadata import OperatingPoint, ReviewBand
from capsule_inspect.training.decision import (
    DecisionRule,
    read_decision,
    resolve_model,
    write_decision,
)


def test_a_file_and_the_folder_of_its_run_name_the_same_network(tmp_path):
    file = tmp_path / "model.keras"
    file.touch()
    assert resolve_model(file) == resolve_model(tmp_path) == file


def test_a_network_that_is_not_there_is_named_with_the_one_that_was_meant(tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "model.keras").touch()
    meant = tmp_path / "first"
    with pytest.raises(ModelFileError, match=rf"Did you mean '{meant}'\?"):
        resolve_model(tmp_path / "frist")
    with pytest.raises(ModelFileError, match=r"There is no model '.*model\.keras'\. Give"):
        resolve_model(tmp_path)


def test_a_converted_file_is_no_network(tmp_path):
    file = tmp_path / "model.tflite"
    file.touch()
    with pytest.raises(ModelFileError, match="is already converted"):
        resolve_model(file)


RULE = DecisionRule(
    classes=("good", "crack", "poke"),
    roi=Roi("whole", 96, 64, 80),
    operating_point=OperatingPoint(1.5, 0.4, 0.35, "the tests"),
    training_data_sha256="0f" * 32,
    licence="CC-BY-NC-SA-4.0",
    network_sha256="1e" * 32,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "decision.json"
    write_decision(path, RULE)
    return path


def test_a_rule_comes_back_as_it_was_written(file):
    assert read_decision(file) == RULE


def test_the_file_of_an_older_version_names_no_network(file):
    content = json.loads(file.read_text(encoding="utf-8"))
    del content["network_sha256"], content["checksum"]
    file.write_text(json.dumps(content), encoding="utf-8")
    assert read_decision(file).network_sha256 == ""


def test_a_changed_value_is_noticed(file):
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"threshold": 0.4', '"threshold": 0.8'), encoding="utf-8")
    with pytest.raises(DataError, match="its checksum is not that of its content"):
        read_decision(file)


def test_the_file_is_plain_json_that_always_comes_out_the_same(file, tmp_path):
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content["operating_point"]["threshold"] == 0.4
    assert content["roi"] == {"mode": "whole", "width": 96, "height": 64, "capsule_length": 80}
    write_decision(tmp_path / "again.json", RULE)
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()


def test_a_missing_file_is_named_with_what_makes_it(tmp_path):
    with pytest.raises(DataError, match=r"decision\.json.*capsule-inspect train"):
        read_decision(tmp_path / "decision.json")


def test_a_folder_in_its_place_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_decision(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"[]", b"\xff", b'{"classes": ["good"]}'])
def test_other_content_is_refused_by_name(file, content):
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"decision\.json.*damaged"):
        read_decision(file)


def test_a_file_cut_anywhere_is_refused(file):
    content = file.read_bytes().rstrip()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(DataError, match="damaged"):
            read_decision(file)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("classes",), []),
        (("classes",), ["crack", "good"]),
        (("classes",), ["good", "good"]),
        (("classes",), "good"),
        (("roi", "mode"), "middle"),
        (("roi", "width"), 0),
        (("roi", "width"), 1.5),
        (("operating_point", "threshold"), 1.5),
        (("operating_point", "threshold"), "0.5"),
        (("operating_point", "temperature"), 0),
        (("operating_point", "mask_threshold"), -0.1),
        (("training_data_sha256",), "abc"),
        (("licence",), ""),
        (("network_sha256",), "abc"),
        (("network_sha256",), None),
        (("network_sha256",), 0),
        (("extra",), 1),
    ],
)
def test_a_wrong_value_is_refused(file, place, value):
    content = json.loads(file.read_text(encoding="utf-8"))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match=place[-1]):
        read_decision(file)


def test_a_review_band_is_kept(tmp_path):
    band = ReviewBand(0.1, 0.9, 0.01, 0.02)
    rule = replace(RULE, operating_point=OperatingPoint(threshold=0.4, review=band))
    write_decision(tmp_path / "decision.json", rule)
    assert read_decision(tmp_path / "decision.json") == rule
    without = replace(RULE, operating_point=OperatingPoint())
    write_decision(tmp_path / "decision.json", without)
    assert "review" not in json.loads((tmp_path / "decision.json").read_text())["operating_point"]
