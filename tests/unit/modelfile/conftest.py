"""Fixtures: the tiny flatbuffers, and metadata that use every kind of field."""

from pathlib import Path

import pytest
from describe_model import describe_model, with_known_answer

from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.metadata import Metric, ModelMetadata, OperatingPoint

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(scope="session")
def tiny() -> bytes:
    return (FIXTURES / "tiny.tflite").read_bytes()


@pytest.fixture(scope="session")
def tiny_label_only() -> bytes:
    return (FIXTURES / "tiny_label_only.tflite").read_bytes()


@pytest.fixture(scope="session")
def metadata(tiny: bytes) -> ModelMetadata:
    described = describe_model(
        tiny,
        classes=("good", "crack", "scratch"),
        roi=Roi(mode="whole", width=48, height=16, capsule_length=40),
        operating_point=OperatingPoint(1.5, 0.4, 0.6, "best F1 on 60 validation pictures"),
        metrics=(Metric("accuracy", 0.95, 60, 0.86, 0.99), Metric("dice", 0.7, 19, None, None)),
        measured_on="60 pictures, für Menschen",
        licence="CC BY-NC-SA 4.0, für Forschung",
    )
    return with_known_answer(tiny, described)
