from dataclasses import replace

import keras
import numpy as np
import pytest

from capsule_inspect.choices import QUANTIZATIONS
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import DataError
from capsule_inspect.exporting.convert import convert, convert_trained
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.model.heads import weighted_mean
from capsule_inspect.modelfile.bundle import ModelBundle, read_bundle
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Interpreter
from capsule_inspect.settings.groups import ExportSettings
from capsule_inspect.training.decision import DecisionRule
from capsule_inspect.training.network_files import TrainedModel

SIZE = (32, 96)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A convolution, of which the label and the mask are seen."""
    keras.utils.set_random_seed(4)
    image = keras.Input((*SIZE, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 128, offset=-1)(image)
    x = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu6")(x)
    whole = keras.layers.GlobalAveragePooling2D(name="head_whole")(x)
    outputs = {
        "logits": keras.layers.Dense(3, name="logits")(whole),
        "mask_logits": keras.layers.Conv2D(3, 1, name="mask_logits")(x),
    }
    return keras.Model(image, outputs)


WINDOWS = [
    np.random.default_rng(seed).integers(0, 256, (*SIZE, 3)).astype(np.uint8) for seed in range(8)
]


def weighing_network() -> keras.Model:
    """Scores green and blue where red is high: in one place, or in many that count little each."""
    image = keras.Input((*SIZE, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    odds = keras.layers.Reshape((SIZE[0] * SIZE[1],))(20 * x[..., :1] - 20)
    scores = keras.layers.Conv2D(3, 1, name="scores")(x)
    kernel = np.zeros((1, 1, 3, 3))
    kernel[0, 0, 1:] = [[6, -3, 1], [-2, 4, 8]]
    scores_layer = scores._keras_history.operation
    scores_layer.set_weights([kernel, np.array([-5.0, -3.0, -6.0])])
    means = weighted_mean(scores, keras.layers.Softmax()(odds), "means")
    whole = keras.layers.GlobalAveragePooling2D(name="head_whole")(x)
    silent = keras.layers.Dense(3, kernel_initializer="zeros")(whole)
    return keras.Model(image, {"logits": keras.layers.Add()([means, silent])})


def test_int8_weighs_a_large_defect_as_exactly_as_a_small_one(tiny_model):
    random = np.random.default_rng(0)
    windows = []
    for height, width in ((1, 1), (2, 3), (8, 8), (16, 12), (4, 40), (1, 2), (6, 6), (10, 20)):
        window = random.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
        window[..., 0] = 0
        window[5 : 5 + height, 9 : 9 + width] = [255, *random.integers(0, 256, 2)]
        windows.append(window)
    network = weighing_network()
    described = replace(
        read_bundle(tiny_model).metadata,
        classes=("good", "crack", "poke"),
        roi=Roi("whole", SIZE[1], SIZE[0], 80),
        known_answer=None,
    )
    run = Interpreter(ModelBundle(convert(network, "int8", windows), described)).run
    for window in windows:
        found, exact = run(window).logits, network.predict_on_batch(window[None])["logits"][0]
        # A weight of 1 / 200 is 1 or 2 of 256 in int8, so the sum of all may be off by a third.
        assert found - found.max() == pytest.approx(exact - exact.max(), rel=0.35, abs=0.15)


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_a_file_of_any_format_says_what_the_network_says(network, tiny_model, quantization):
    flatbuffer = convert(network, quantization, WINDOWS)
    described = replace(
        read_bundle(tiny_model).metadata,
        roi=Roi("whole", SIZE[1], SIZE[0], 80),
        known_answer=None,
    )
    run = Interpreter(ModelBundle(flatbuffer, described)).run
    features = keras.Model(network.input, network.get_layer("head_whole").output)
    tolerance = {"float32": 1e-4, "float16": 0.02}.get(quantization, 0.12)
    for window in WINDOWS[:3]:
        expected, found = network.predict_on_batch(window[None]), run(window)
        assert found.logits == pytest.approx(expected["logits"][0], abs=tolerance)
        assert found.mask_logits == pytest.approx(expected["mask_logits"][0], abs=tolerance)
        assert found.features == pytest.approx(
            features.predict_on_batch(window[None])[0], abs=tolerance
        )


def hinting_network() -> keras.Model:
    """Says of 2 x 6 places how green or how blue they are, each against a mean of its own."""
    image = keras.Input((*SIZE, 3), dtype="uint8", name="image")
    pixels = keras.layers.Rescaling(1 / 255)(image)
    whole = keras.layers.GlobalAveragePooling2D(name="head_whole")(pixels)
    places = keras.layers.AveragePooling2D(16)(pixels)
    scores = keras.layers.Conv2D(2, 1, name="scores")(places)
    norm = keras.layers.BatchNormalization(center=False, scale=False, epsilon=0.0, name="norm")
    apart = keras.layers.Reshape((12, 2, 1))(norm(keras.layers.Reshape((24,))(scores)))
    hint = keras.layers.Reshape((2, 6, 1))(keras.layers.MaxPooling2D((1, 2))(apart))
    model = keras.Model(image, {"logits": keras.layers.Dense(3)(whole), "hint": hint})
    model.get_layer("scores").set_weights([np.eye(3)[None, None, :, 1:], np.zeros(2)])
    model.get_layer("norm").set_weights([np.linspace(0, 0.5, 24), np.tile([0.01, 0.04], 12)])
    return model


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_a_file_of_any_format_gives_the_hints_of_the_network(tiny_model, quantization):
    described = replace(
        read_bundle(tiny_model).metadata,
        roi=Roi("whole", SIZE[1], SIZE[0], 80),
        known_answer=None,
    )
    flatbuffer = convert(hinting_network(), quantization, WINDOWS)
    run = Interpreter(ModelBundle(flatbuffer, described)).run
    for window in WINDOWS[:3]:
        colours = window.reshape(2, 16, 6, 16, 3).mean(axis=(1, 3)) / 255
        means, deviations = np.linspace(0, 0.5, 24).reshape(2, 6, 2), np.array([0.1, 0.2])
        expected = ((colours[..., 1:] - means) / deviations).max(axis=-1, keepdims=True)
        tolerance = {"float32": 1e-4, "float16": 0.02}.get(quantization, 0.15)
        assert run(window).hint == pytest.approx(expected, abs=tolerance)
        assert np.ptp(expected) > 4


CLASSES = ("good", "crack", "scratch")
RULE = DecisionRule(
    CLASSES, Roi("whole", 48, 16, 42), OperatingPoint(1.5, 0.4, 0.6, "tests"), "ab" * 32, "none"
)


@pytest.fixture
def model() -> TrainedModel:
    """Sees the mean colour: red is good, green a crack, blue a scratch."""
    image = keras.Input((16, 48, 3), dtype="uint8", name="image")
    pixels = keras.layers.Rescaling(1 / 64)(image)
    whole = keras.layers.GlobalAveragePooling2D(name="head_whole")(pixels)
    logits = keras.layers.Dense(3, kernel_initializer="identity", name="logits")(whole)
    return TrainedModel(keras.Model(image, {"logits": logits}), RULE)


@pytest.fixture
def data(tmp_path, paint) -> DataSet:
    """Four good pictures to train on and one of each defect; a good one to test."""
    samples = []
    for name, label, split in (
        *((f"g{i}", "good", "train") for i in range(4)),
        ("c", "crack", "train"),
        ("s", "scratch", "train"),
        ("t", "good", "test"),
    ):
        paint(tmp_path / f"{name}.png", label)
        samples.append(Sample(f"{name}.png", label, "", split, None, "00" * 32, 96, 32))
    return DataSet(tmp_path, CLASSES, tuple(samples), 0, "", "", "")


def test_the_file_carries_the_rule_and_decides_as_the_network_does(model, data, tmp_path):
    out = tmp_path / "new" / "model.tflite"
    converted = convert_trained(model, data, out, ExportSettings(format="float32"))
    metadata = converted.bundle.metadata
    assert (metadata.classes, metadata.roi) == (RULE.classes, RULE.roi)
    assert metadata.operating_point == RULE.operating_point
    assert metadata.training_data_sha256 == RULE.training_data_sha256
    assert metadata.quantization == "float32"
    assert not out.exists()  # nothing is measured yet
    assert converted.inspector.point == RULE.operating_point
    green = np.full((32, 96, 3), (0, 255, 0), np.uint8)
    for inspector in (converted.inspector, model.inspector):
        (finding,) = inspector.inspect(green)
        assert finding.decision.label == "crack"


def test_int8_needs_pictures_to_measure_its_ranges_on(model, data, tmp_path):
    tested = replace(data, samples=data.of_split("test"))
    with pytest.raises(DataError, match="int8 needs training pictures with a capsule"):
        convert_trained(model, tested, tmp_path / "model.tflite", ExportSettings(format="int8"))
    convert_trained(model, tested, tmp_path / "model.tflite", ExportSettings(format="float16"))


def test_it_knows_the_split_that_the_network_was_trained_on(model, data, tmp_path):
    rule = replace(RULE, training_data_sha256=data.training_sha256)
    out, settings = tmp_path / "model.tflite", ExportSettings(format="float32")
    converted = convert_trained(replace(model, rule=rule), data, out, settings)
    assert converted.was_trained_on(data)
    moved = replace(data.samples[0], split="test", sha256="11" * 32)
    assert not converted.was_trained_on(replace(data, samples=(moved, *data.samples[1:])))


@pytest.mark.parametrize(
    ("count", "seen"),
    [
        (3, {"good": 1, "crack": 1, "scratch": 1}),
        (4, {"good": 2, "crack": 1, "scratch": 1}),
        (99, {"good": 4, "crack": 1, "scratch": 1}),
    ],
)
def test_int8_ranges_are_measured_on_training_pictures_of_all_classes(
    model, data, tmp_path, monkeypatch, count, seen
):
    class ConvertedError(Exception):
        """Enough is known."""

    shown = []

    def record(network, quantization, windows):
        del network, quantization
        shown.extend(windows)
        raise ConvertedError

    monkeypatch.setattr("capsule_inspect.exporting.convert.convert", record)
    with pytest.raises(ConvertedError):
        convert_trained(model, data, tmp_path / "m.tflite", ExportSettings(calibration=count))
    labels = [CLASSES[int(np.argmax(window.mean(axis=(0, 1))))] for window in shown]
    assert {label: labels.count(label) for label in labels} == seen
    assert all(window.shape == (16, 48, 3) for window in shown)


def test_an_unknown_class_is_refused(model, data, tmp_path):
    out = tmp_path / "model.tflite"
    stranger = replace(data.samples[0], label="poke")
    with pytest.raises(DataError, match="poke"):
        convert_trained(model, replace(data, samples=(stranger,)), out, ExportSettings())


def test_int8_leaves_the_softmax_alone_in_float():
    """ARM has a softmax of whole numbers of its own, whose scores differ from those of x86-64."""
    from ai_edge_litert.interpreter import Interpreter as LiteRT  # noqa: PLC0415

    loaded = LiteRT(model_content=convert(weighing_network(), "int8", WINDOWS))
    loaded.allocate_tensors()
    types = {each["index"]: each["dtype"] for each in loaded.get_tensor_details()}
    results = {
        op["op_name"]: {types[index] for index in op["outputs"]}
        for op in loaded._get_ops_details()
        if op["op_name"] in {"SOFTMAX", "CONV_2D", "BATCH_MATMUL", "FULLY_CONNECTED"}
    }
    assert results.pop("SOFTMAX") == {np.float32}
    assert results
    assert set.union(*results.values()) == {np.int8}
