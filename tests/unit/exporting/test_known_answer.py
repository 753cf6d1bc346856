import math

import keras
import numpy as np
import pytest
from describe_model import describe_model

from capsule_inspect.choices import QUANTIZATIONS
from capsule_inspect.errors import ModelFileError
from capsule_inspect.exporting.convert import convert
from capsule_inspect.exporting.known_answer import compare_with_keras, find_known_answer
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.model.heads import with_features
from capsule_inspect.modelfile.bundle import ModelBundle
from capsule_inspect.modelfile.known_answer import draw_test_picture, summarize
from capsule_inspect.modelfile.runtime import Interpreter, Outputs

SIZE = (32, 96)
WINDOWS = [draw_test_picture(SIZE[1], SIZE[0], seed) for seed in range(2, 12)]


def build(pool) -> keras.Model:
    """A convolution, of which the label and the mask are seen.

    Args:
        pool: Makes of the map what the label is told from.
    """
    keras.utils.set_random_seed(4)
    image = keras.Input((*SIZE, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 128, offset=-1)(image)
    x = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu6")(x)
    whole = keras.layers.GlobalAveragePooling2D(name="head_whole")(x)
    outputs = {
        "logits": keras.layers.Dense(3, name="logits")(keras.layers.Add()([whole, pool(x)])),
        "mask_logits": keras.layers.Conv2D(3, 1, name="mask_logits")(x),
    }
    return keras.Model(image, outputs)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build(lambda x: keras.ops.mean(x * x, axis=(1, 2)))


def pack(network: keras.Model, quantization: str, windows=WINDOWS) -> ModelBundle:
    flatbuffer = convert(network, quantization, windows)
    described = describe_model(
        flatbuffer,
        classes=("good", "crack", "scratch"),
        roi=Roi("whole", SIZE[1], SIZE[0], 80),
        quantization=quantization,
    )
    return ModelBundle(flatbuffer, described, "m.tflite")


@pytest.fixture(scope="module")
def in_int8(network) -> ModelBundle:
    return pack(network, "int8")


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_kernels_and_keras_agree_about_a_file_of_any_format(network, quantization):
    bundle = pack(network, quantization)
    answer = find_known_answer(bundle)
    assert list(compare_with_keras(with_features(network), bundle, answer)) == []
    assert [known.name for known in answer.outputs] == ["features", "logits", "mask_logits"]
    picture = draw_test_picture(SIZE[1], SIZE[0], answer.seed)
    by_keras = Outputs.of(with_features(network).predict_on_batch(picture[None])).by_name()
    ranges = {name: float(np.ptp(output)) for name, output in by_keras.items()}
    for known in answer.outputs:
        assert 2 <= known.tolerance <= 8
        # What is kept is the answer, and a step is about a 255th of the range.
        stored = np.array(known.values) * known.step
        assert stored == pytest.approx(
            summarize(by_keras[known.name]), abs=0.05 * ranges[known.name]
        )
        assert 0.7 * ranges[known.name] < 255 * known.step < 3 * ranges[known.name]


def test_an_int8_file_is_compared_in_its_own_steps(in_int8):
    answer = find_known_answer(in_int8)
    outputs = Interpreter(in_int8).run(draw_test_picture(SIZE[1], SIZE[0], answer.seed)).by_name()
    for known in answer.outputs:
        # The pixels of an int8 output are whole steps apart, and some are one step apart.
        levels = np.unique(np.round(outputs[known.name] / known.step, 3))
        assert levels == pytest.approx(np.round(levels))
        if known.name == "mask_logits":
            assert np.diff(levels).min() == pytest.approx(1)


@pytest.mark.parametrize(("gap", "tolerance"), [(0.0, 2), (1.5, 4), (11.25, 19)])
def test_the_tolerance_grows_with_the_difference_of_the_kernels(
    in_int8, monkeypatch, gap, tolerance
):
    change_kernels(monkeypatch, "BUILTIN_REF", lambda step: gap * step)
    known = {each.name: each for each in find_known_answer(in_int8).outputs}
    assert known["logits"].tolerance == tolerance


def change_kernels(monkeypatch, kernels: str, difference) -> None:
    """Lets some kernels give logits that differ by so much from those of the usual ones."""
    made, run = Interpreter.__init__, Interpreter.run
    usual, steps = [], {}

    def remember(self, *arguments, **options):
        made(self, *arguments, **options)
        self.kernels = options.get("kernels", "AUTO")
        steps.update({name: scale.step for name, scale in self.output_scales().items()})

    def differ(self, image):
        outputs = run(self, image)
        if self.kernels == "AUTO":
            usual.append(outputs.logits.copy())
        outputs.logits[:] = usual[0]
        if self.kernels == kernels:
            outputs.logits[1] += difference(steps["logits"])
        return outputs

    monkeypatch.setattr(Interpreter, "__init__", remember)
    monkeypatch.setattr(Interpreter, "run", differ)


@pytest.mark.parametrize(
    ("kernels", "who"),
    [
        ("BUILTIN_WITHOUT_DEFAULT_DELEGATES", "LiteRT's optimized kernels"),
        ("BUILTIN_REF", "LiteRT's reference kernels"),
    ],
)
@pytest.mark.parametrize("steps", [24.5, math.nan])
def test_kernels_that_differ_have_no_known_answer(in_int8, monkeypatch, kernels, who, steps):
    change_kernels(monkeypatch, kernels, lambda step: steps * step)
    with pytest.raises(ModelFileError) as caught:
        find_known_answer(in_int8)
    message = str(caught.value)
    assert f"`logits` by {who} differs by " in message
    assert "features" not in message
    assert "Nothing was written." in message


def test_a_kernel_of_litert_that_is_wrong_is_noticed():
    """Its reference kernel of the int8 sum takes signed values for unsigned: LiteRT issue 4079."""
    summing = build(lambda x: keras.ops.sum(x * x, axis=(1, 2)) / 768)
    bundle = pack(summing, "int8")
    picture = draw_test_picture(SIZE[1], SIZE[0], 1)
    usual, reference = (
        Interpreter(bundle, kernels=kernels).run(picture).logits
        for kernels in ("AUTO", "BUILTIN_REF")
    )
    if np.abs(usual - reference).max() < 0.2 * np.ptp(usual):
        pytest.skip("this LiteRT computes the sum right")
    with pytest.raises(ModelFileError, match="`logits` by LiteRT's reference kernels differs by"):
        find_known_answer(bundle)


@pytest.mark.parametrize("quantization", ["int8", "float32"])
def test_a_file_of_another_network_is_noticed(network, quantization):
    bundle = pack(network, quantization)
    other = keras.models.clone_model(network)
    other.set_weights([-weight for weight in network.get_weights()])
    answer = find_known_answer(bundle)
    assert list(compare_with_keras(with_features(network), bundle, answer)) == []
    sentences = list(compare_with_keras(with_features(other), bundle, answer))
    assert any("`mask_logits` of the exported model differs from" in each for each in sentences)


def test_what_lies_beyond_the_range_of_an_int8_output_is_no_difference_from_keras():
    image = keras.Input((*SIZE, 3), dtype="uint8", name="image")
    bright = keras.layers.GlobalAveragePooling2D(name="head_whole")(
        keras.layers.Rescaling(1 / 64)(image)
    )
    logits = keras.layers.Dense(3, kernel_initializer="identity", name="logits")(bright)
    brightness = keras.Model(image, {"logits": logits})
    bundle = pack(brightness, "int8", [window // 4 for window in WINDOWS])
    scale = Interpreter(bundle, kernels="BUILTIN_REF").output_scales()["logits"]
    picture = draw_test_picture(SIZE[1], SIZE[0], 1)
    # The range was measured on windows of a quarter of the brightness.
    assert picture.mean(axis=(0, 1)).min() / 64 > 2 * scale.high
    answer = find_known_answer(bundle)
    assert list(compare_with_keras(with_features(brightness), bundle, answer)) == []
    known = {each.name: each for each in answer.outputs}["logits"]
    assert np.array(known.values) * known.step == pytest.approx([scale.high] * 3)
