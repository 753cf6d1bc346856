import hashlib
import math
import platform

import numpy as np
import pytest

from capsule_inspect.errors import ModelFileError
from capsule_inspect.modelfile.known_answer import (
    KnownAnswer,
    KnownOutput,
    describe_processor,
    draw_test_picture,
    summarize,
)


def draw_slowly(width: int, height: int, seed: int) -> list[list[tuple[int, ...]]]:
    """The test picture pixel by pixel, in Python's own whole numbers."""
    random = []
    for _ in range(4096):
        seed = seed * 48271 % (2**31 - 1)
        random.append(seed)
    spots = [[number >> 8 for number in random[4 * i : 4 * i + 4]] for i in range(3)]
    noise = [(number >> 16) % 16 - 8 for number in random[12:]]
    half_width, half_height = width * 88 // 100, height * 72 // 100
    radius = min(half_width, half_height)

    def pixel(column: int, row: int) -> tuple[int, ...]:
        x, y = 2 * column + 1 - width, 2 * row + 1 - height
        u, v = x * 1000 // width, y * 1000 // height
        beyond = max(abs(x) - half_width + radius, 0), max(abs(y) - half_height + radius, 0)
        if beyond[0] ** 2 + beyond[1] ** 2 <= radius**2:
            light = (1_000_000 - v * v) // 25_000
            colour = (24, 24, 30) if u < 0 else (150, 70, 45)
        else:
            light = u // 50 - v // 40
            colour = (200, 204, 200)
        for across, down, size, code in spots:
            apart = (u - (across % 1200 - 600)) * width, (v - (down % 800 - 400)) * height
            if apart[0] ** 2 + apart[1] ** 2 <= ((80 + size % 80) * min(width, height)) ** 2:
                colour = code % 256, code // 128 % 256, code // 16384 % 256
        shade = light + noise[(row * width + column) % len(noise)]
        return tuple(min(255, max(0, part + shade)) for part in colour)

    return [[pixel(column, row) for column in range(width)] for row in range(height)]


@pytest.mark.parametrize(
    ("width", "height", "seed"), [(97, 50, 1), (20, 33, 2**31 - 2), (1, 1, 5), (64, 64, 77)]
)
def test_the_test_picture_is_made_of_whole_numbers(width, height, seed):
    picture = draw_test_picture(width, height, seed)
    assert picture.dtype == np.uint8
    assert picture.tolist() == [
        [list(pixel) for pixel in row] for row in draw_slowly(width, height, seed)
    ]


def test_the_test_picture_never_changes():
    """Another picture would make the known answers of all files wrong."""
    picture = draw_test_picture(480, 192, 1)
    assert picture.shape == (192, 480, 3)
    assert picture.flags.c_contiguous
    assert hashlib.sha256(picture.tobytes()).hexdigest() == (
        "5a41c873d95373c74e1620a1d74aef651331c2d8da9b3ed2777ce1b4fe140979"
    )


def test_a_vector_is_compared_value_by_value():
    assert summarize(np.array([1, -2.5, 3], np.float32)).tolist() == [1, -2.5, 3]


def test_a_map_is_compared_by_the_means_of_its_cells():
    # 2 x 3 pixels of two channels: fewer than 8 x 8, so each is a cell.
    small = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    assert summarize(small).tolist() == list(range(12))
    # 16 x 12 pixels: rows in pairs, columns by 1, 2, 1, 2, ...: 12 * i // 8 = 0, 1, 3, 4, 6, ...
    large = np.zeros((16, 12, 1), np.float32)
    large[2, 1] = 8  # the second row of cells, the second column: a cell of 2 x 2
    large[15, 0] = 8  # the last row, the first column: 2 x 1
    means = summarize(large)
    assert {place: means[place] for place in np.flatnonzero(means)} == {8 + 1: 2, 7 * 8: 4}
    assert means.size == 64


def test_an_output_is_kept_in_whole_steps():
    output = np.array([0.0, 0.26, -0.5], np.float32)
    assert KnownOutput.of("logits", output, 3, 0.25) == KnownOutput("logits", 0.25, 3, (0, 1, -2))


def test_without_a_quantization_step_it_is_a_255th_of_the_range():
    known = KnownOutput.of("logits", np.array([-1.0, 50.0], np.float32), 3)
    assert known == KnownOutput("logits", 0.2, 3, (-5, 250))
    # Without a range there is no such step, and any will do.
    assert KnownOutput.of("logits", np.full(2, 7, np.float32), 3).values == (7, 7)


@pytest.mark.parametrize(
    ("output", "difference"),
    [
        ([0.5, -1.0], 0),
        ([0.5, -0.25], 3),
        ([1.125, -1.5], 2.5),
        ([math.nan, -1.0], math.inf),
        ([0.5, -math.inf], math.inf),
    ],
)
def test_the_difference_is_the_largest_one_in_steps(output, difference):
    known = KnownOutput("logits", 0.25, 2, (2, -4))
    assert known.difference(np.array(output, np.float32)) == difference


LOGITS = KnownOutput("logits", 0.5, 2, (2, -4))
FEATURES = KnownOutput("features", 0.25, 6, (0, 0, 8))
ANSWER = KnownAnswer(7, (LOGITS, FEATURES))


def ask(answer: KnownAnswer, **outputs: list[float]) -> list[np.ndarray]:
    """Lets a runtime of these outputs answer; the pictures that it was shown."""
    shown = []

    def run(picture):
        shown.append(picture)
        return {name: np.array(values, np.float32) for name, values in outputs.items()}

    answer.require_of(run, (48, 16), "'m.tflite'", "some-runtime 1.2")
    return shown


def test_a_runtime_may_be_off_by_the_tolerance():
    shown = ask(ANSWER, logits=[2.0, -3.0], features=[0, -1.5, 2])
    assert len(shown) == 1
    assert np.array_equal(shown[0], draw_test_picture(48, 16, 7))


def test_a_wrong_answer_names_runtime_processor_file_and_output():
    with pytest.raises(ModelFileError) as caught:
        ask(ANSWER, logits=[2.25, -2.0], features=[0, 0, 2])
    message = str(caught.value)
    assert message.startswith(
        f"some-runtime 1.2 on {describe_processor()} computes 'm.tflite' wrongly: "
    )
    assert "`logits` is 2.5 steps from the known answer, where 2 are allowed. Use" in message
    assert "features" not in message
    with pytest.raises(ModelFileError, match=r"`logits` is not a number and `features` is 8 ste"):
        ask(ANSWER, logits=[math.nan, -2.0], features=[2, 0, 2])


@pytest.mark.parametrize(
    ("outputs", "complaint"),
    [
        ({"logits": [1.0, -2.0]}, "the file gives logits"),
        ({"logits": [1.0, -2.0, 0.0], "features": [0, 0, 2]}, "has 3 values instead of 2"),
    ],
)
def test_the_answer_of_another_network_is_told_from_a_wrong_one(outputs, complaint):
    with pytest.raises(ModelFileError, match=f"belongs to another network .*{complaint}"):
        ask(ANSWER, **outputs)


def test_a_processor_has_a_name_and_an_architecture(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: AMD  EPYC 7B13\n\nmodel name\t: other\n")
    assert describe_processor(file) == "AMD EPYC 7B13 (x86_64)"


def test_a_processor_of_arm_has_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n")
    assert describe_processor(file) == "ARM part 0xd0b of implementer 0x41 (aarch64)"


@pytest.mark.parametrize(
    ("name", "machine", "described"),
    [
        ("Intel64 Family 6", "AMD64", "Intel64 Family 6 (AMD64)"),
        ("arm64", "arm64", "a processor of arm64"),
        ("", "riscv64", "a processor of riscv64"),
        ("", "", "a processor of unknown"),
    ],
)
def test_elsewhere_python_is_asked(tmp_path, monkeypatch, name, machine, described):
    monkeypatch.setattr(platform, "processor", lambda: name)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert describe_processor(tmp_path / "none") == described
