import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.choices import POLICIES
from capsule_inspect.errors import ModelFileError
from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.known_answer import KnownAnswer, KnownOutput
from capsule_inspect.modelfile.metadata import (
    FORMAT_VERSION,
    RANGE_NAMES,
    Metric,
    ModelMetadata,
    OperatingPoint,
    Range,
    ReviewBand,
    TrainingStatistics,
    read_operating_point,
)

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip)
finite = st.floats(allow_nan=False, allow_infinity=False)
units = st.floats(0, 1)
counts = st.integers(1, 10**6)
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
intervals = st.none() | st.tuples(finite, finite).map(sorted)
metrics = st.builds(
    lambda name, value, n, ends: Metric(name, value, n, *(ends or (None, None))),
    texts,
    finite,
    counts,
    intervals,
)
statistics = st.none() | st.builds(
    lambda channels, limit, ranges: TrainingStatistics(
        tuple(mean for mean, _ in channels),
        tuple(deviation for _, deviation in channels),
        limit,
        tuple(Range(name, *ends) for name, ends in zip(RANGE_NAMES, ranges, strict=True)),
    ),
    st.lists(st.tuples(finite, st.floats(1e-300, 1e300)), max_size=4),
    st.floats(0, 1e300),
    st.lists(st.tuples(finite, finite), min_size=len(RANGE_NAMES), max_size=len(RANGE_NAMES)),
)
known_outputs = st.builds(
    KnownOutput,
    texts,
    st.floats(1e-300, 1e300),
    counts,
    st.lists(st.integers(-(2**31), 2**31), max_size=4).map(tuple),
)
known_answers = st.builds(
    KnownAnswer,
    counts,
    st.lists(known_outputs, min_size=1, max_size=3, unique_by=lambda known: known.name).map(tuple),
)


def of_format_3(statistics: TrainingStatistics) -> TrainingStatistics:
    """Format 3 knew neither compression nor noise."""
    ranges = tuple(r for r in statistics.ranges if r.name not in ("blockiness", "noise"))
    return replace(statistics, ranges=ranges)


all_metadata = st.builds(
    lambda known_answer, statistics, **fields: ModelMetadata(
        **fields,
        known_answer=known_answer,
        training_statistics=statistics
        if known_answer or statistics is None
        else of_format_3(statistics),
        format_version=4 if known_answer else 3,
    ),
    st.none() | known_answers,
    statistics,
    flatbuffer_sha256=hashes,
    classes=st.lists(texts.filter(lambda name: name != "good"), min_size=1, unique=True).map(
        lambda defects: ("good", *defects)
    ),
    roi=st.builds(Roi, st.sampled_from(["capsule", "whole"]), counts, counts, counts),
    operating_point=st.builds(
        OperatingPoint,
        st.floats(1e-300, 1e300),
        units,
        units,
        chosen_by=texts,
        policy=st.sampled_from(POLICIES),
        policy_value=units,
        expected=st.lists(metrics, max_size=2).map(tuple),
        review=st.none() | st.builds(ReviewBand, st.just(0.0), st.just(1.0), units, units),
    ),
    quantization=st.sampled_from(["int8", "float32", "float16", "dynamic"]),
    training_data_sha256=hashes,
    metrics=st.lists(metrics).map(tuple),
    measured_on=texts,
    licence=texts,
    created_with=texts,
)


def test_a_file_without_a_review_band_has_no_key_that_older_versions_do_not_know():
    assert "review" not in OperatingPoint().to_document()
    band = ReviewBand(0.2, 0.8, 0.01, 0.02, (Metric("good_accept", 0.9, 10, 0.6, 1.0),))
    point = OperatingPoint(threshold=0.5, review=band)
    document = json.loads(json.dumps(point.to_document()))
    assert document["review"]["accept_below"] == 0.2
    assert read_operating_point({**OperatingPoint().to_document(), "expected": [], "review": None})
    assert read_operating_point(document) == point


@pytest.mark.parametrize(("low", "high"), [(0.6, 0.8), (0.2, 0.4), (-0.1, 0.8), (0.2, 1.1)])
def test_a_review_band_beside_the_threshold_is_refused(low, high):
    document = OperatingPoint(threshold=0.5, review=ReviewBand(low, high, 0.0, 0.0)).to_document()
    with pytest.raises(ValueError, match=r"operating_point\.review"):
        read_operating_point(json.loads(json.dumps(document)))


@given(all_metadata)
def test_what_is_written_is_read_back(metadata):
    data = metadata.to_json()
    again = ModelMetadata.from_json(data, "m.tflite")
    assert again == metadata
    assert again.to_json() == data


def test_json_is_sorted_indented_utf8(metadata):
    data = metadata.to_json()
    document = json.loads(data)
    assert data.startswith(b'{\n  "classes": [\n    "good",\n')
    assert data.endswith(b"}\n")
    assert list(document) == sorted(document)
    assert list(document["roi"]) == ["capsule_length", "height", "mode", "width"]
    assert "für".encode() in data
    assert document["metrics"][0] == {
        "name": "accuracy",
        "value": 0.95,
        "n": 60,
        "low": 0.86,
        "high": 0.99,
    }


def test_a_number_that_is_not_finite_is_not_written(metadata):
    with pytest.raises(ValueError, match="JSON compliant"):
        replace(metadata, metrics=(Metric("auroc", float("nan"), 3, None, None),)).to_json()


def refusal(data: bytes) -> str:
    with pytest.raises(ModelFileError) as caught:
        ModelMetadata.from_json(data, "line3/m.tflite")
    message = str(caught.value)
    assert "line3/m.tflite" in message
    assert message.endswith(".")
    assert message.isprintable()
    return message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("flatbuffer_sha256", "ab" * 31),
        ("flatbuffer_sha256", "AB" * 32),
        ("flatbuffer_sha256", 7),
        ("classes", []),
        ("classes", ["good"]),
        ("classes", ["crack", "good"]),
        ("classes", ["good", "crack", "crack"]),
        ("classes", ["good", 1]),
        ("classes", ["good", ""]),
        ("classes", ["good", "\x1b[31mcrack"]),
        ("classes", "good"),
        ("roi", None),
        ("roi", []),
        ("roi.mode", "half"),
        ("roi.mode", ["whole"]),
        ("roi.width", 0),
        ("roi.width", 48.0),
        ("roi.width", True),
        ("roi.height", -16),
        ("roi.capsule_length", "40"),
        ("operating_point", 0.5),
        ("operating_point.temperature", 0),
        ("operating_point.temperature", -1.5),
        ("operating_point.temperature", "1.5"),
        ("operating_point.temperature", 10**400),
        ("operating_point.threshold", 1.0001),
        ("operating_point.threshold", -0.0001),
        ("operating_point.threshold", True),
        ("operating_point.mask_threshold", 2),
        ("operating_point.mask_threshold", None),
        ("operating_point.chosen_by", " "),
        ("operating_point.chosen_by", "\ud800"),
        ("quantization", "int4"),
        ("quantization", 8),
        ("training_data_sha256", ""),
        ("metrics", {}),
        ("metrics", [0.9]),
        ("metrics.0.n", 0),
        ("metrics.0.value", None),
        ("metrics.0.value", [0.9]),
        ("metrics.0.low", None),
        ("metrics.0.low", 0.995),
        ("metrics.0.high", "0.99"),
        ("licence", None),
        ("licence", "two\nlines"),
        ("created_with", 0.1),
        ("known_answer", None),
        ("known_answer.seed", 0),
        ("known_answer.outputs", []),
        ("known_answer.outputs", [7]),
        ("known_answer.outputs.0.name", "mask_logits"),
        ("known_answer.outputs.0.step", 0),
        ("known_answer.outputs.0.step", "0.1"),
        ("known_answer.outputs.0.tolerance", 0),
        ("known_answer.outputs.0.tolerance", 1.5),
        ("known_answer.outputs.0.values", None),
        ("known_answer.outputs.0.values", [0.5]),
        ("known_answer.outputs.0.values", [True]),
        ("known_answer.outputs.0.values", [2**31 + 1]),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(metadata, path, value):
    document = json.loads(metadata.to_json())
    *parents, key = path.split(".")
    inner = document
    for parent in parents:
        inner = inner[int(parent) if parent.isdigit() else parent]
    inner[key] = value
    message = refusal(json.dumps(document).encode())
    place = path.replace(".0.", "[].")
    whole = "interval of `accuracy`", "`known_answer.outputs` must name each output once"
    assert f"`{place}" in message or any(each in message for each in whole)


STATISTICS = TrainingStatistics(
    (1.0, 2.0), (0.5, 0.5), 9.0, tuple(Range(name, 1.0, 2.0) for name in RANGE_NAMES)
)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("feature_means", [1.0], "has 1 means, but 2 deviations"),
        ("feature_means", [1.0, None], "not a number"),
        ("feature_deviations", [0.5, 0.0], "out of range"),
        ("ood_limit", -0.1, "`training_statistics.ood_limit` is -0.1, out of range"),
        ("ranges", [], "must list red, green"),
        ("ranges", [{"name": "red", "low": 0, "high": 1}] * 6, "must list red, green"),
        ("ranges", [{"name": "red", "low": 0}] * 6, "high` is missing"),
    ],
)
def test_impossible_statistics_of_the_training_are_refused(metadata, key, value, complaint):
    whole = replace(metadata, training_statistics=STATISTICS)
    assert ModelMetadata.from_json(whole.to_json(), "m.tflite") == whole
    document = json.loads(whole.to_json())
    document["training_statistics"][key] = value
    assert complaint in refusal(json.dumps(document).encode())


@pytest.mark.parametrize("parent", ["", "roi", "operating_point", "metrics", "known_answer"])
def test_unknown_and_missing_keys_are_refused(metadata, parent):
    def document_and_part():
        document = json.loads(metadata.to_json())
        part = document[parent] if parent else document
        return document, part[0] if parent == "metrics" else part

    document, part = document_and_part()
    part["colour"] = "blue"
    assert "colour` is unknown" in refusal(json.dumps(document).encode())
    for key in document_and_part()[1]:
        document, part = document_and_part()
        del part[key]
        assert f"{key}` is missing" in refusal(json.dumps(document).encode())


def test_a_file_of_format_3_has_no_known_answer(metadata):
    document = json.loads(metadata.to_json())
    assert document["format_version"] == 4
    document["format_version"] = 3
    assert "`known_answer` is unknown" in refusal(json.dumps(document).encode())
    del document["known_answer"]
    older = ModelMetadata.from_json(json.dumps(document).encode(), "m.tflite")
    assert older == replace(metadata, known_answer=None, format_version=3)
    assert json.loads(older.to_json()) == document


def test_a_file_of_format_3_has_fewer_ranges(metadata):
    full = replace(metadata, training_statistics=STATISTICS)
    document = json.loads(full.to_json())
    del document["known_answer"]
    document["format_version"] = 3
    said = refusal(json.dumps(document).encode())
    assert "must list red, green, blue, length, sharpness, ood_score" in said
    document["training_statistics"]["ranges"][5:7] = []
    older = ModelMetadata.from_json(json.dumps(document).encode(), "m.tflite")
    assert older.training_statistics == of_format_3(STATISTICS)
    assert json.loads(older.to_json()) == document
    document["format_version"] = 4
    document["known_answer"] = json.loads(full.to_json())["known_answer"]
    assert "sharpness, blockiness, noise, ood" in refusal(json.dumps(document).encode())


@pytest.mark.parametrize("version", [1, 0, 2, FORMAT_VERSION + 1, "2", 2.0, True, None])
def test_another_format_version_is_refused_before_its_other_keys(metadata, version):
    document = json.loads(metadata.to_json())
    document["format_version"] = version
    document["colour"] = "blue"
    message = refusal(json.dumps(document).encode())
    assert "format version" in message
    assert repr(version) in message


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b"\xff\xfe{\x00}\x00", "is not UTF-8 text"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"format_version": 3, "format_version": 3}', "a key appears twice"),
        (b'{"format_version": 1e999}', "format version is inf"),
        (b'{"format_version": ' + b"9" * 5000 + b"}", "integer string conversion"),
    ],
)
def test_what_is_not_one_json_object_is_refused(data, complaint):
    assert complaint in refusal(data)


@pytest.mark.parametrize(
    ("number", "complaint"),
    [
        ("NaN", "NaN is not a number"),
        ("Infinity", "Infinity is not a number"),
        ("-Infinity", "-Infinity is not a number"),
        ("1e999", "`metrics[].value` is inf, out of range"),
    ],
)
def test_numbers_that_are_not_finite_are_refused(metadata, number, complaint):
    data = metadata.to_json()
    assert data.count(b"0.95") == 1
    assert complaint in refusal(data.replace(b"0.95", number.encode()))


@given(
    st.binary() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_anything_else_is_refused_with_a_sentence(data):
    refusal(data)


TWO_CHANNELS = TrainingStatistics(
    (1.0, -2.0), (2.0, 0.5), 9.0, tuple(Range(n, i, i + 1) for i, n in enumerate(RANGE_NAMES))
)


def test_the_score_is_the_mean_squared_distance_in_deviations():
    # 2 deviations off in the first channel and 3 in the second: (4 + 9) / 2.
    assert TWO_CHANNELS.ood_score(np.array([5.0, -0.5], np.float32)) == pytest.approx(6.5)


def test_the_score_of_what_was_measured_is_one_on_average():
    features = np.random.default_rng(0).normal(3, 2, (500, 7))
    statistics = TrainingStatistics(
        tuple(features.mean(0)),
        tuple(features.std(0)),
        0.0,
        TWO_CHANNELS.ranges,
    )
    scores = [statistics.ood_score(row.astype(np.float32)) for row in features]
    assert np.mean(scores) == pytest.approx(1, abs=1e-5)


def test_a_range_is_found_by_name():
    assert TWO_CHANNELS.range_of("length") == Range("length", 3, 4)


def test_a_range_of_no_quantity_is_told_by_its_name():
    with pytest.raises(KeyError, match="lenght"):
        TWO_CHANNELS.range_of("lenght")


def test_ranges_are_of_the_looks_and_the_score():
    assert (*(field.name for field in fields(Appearance)), "ood_score") == RANGE_NAMES
