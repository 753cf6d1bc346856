"""The known answer of a model file: what it must say of one picture that anyone can draw.

A runtime can compute wrongly without a word: through a fault of its kernels, of the processor or of
an emulator. So each model file holds the outputs for a picture made by integer arithmetic, and
whatever loads a model runs it on that picture first.
"""

import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import ModelFileError
from capsule_inspect.modelfile.strict_json import StrictObject, field_names


class WrongAnswerError(ModelFileError):
    """A runtime gives another answer than the known one."""


_MODULUS, _FACTOR = 2**31 - 1, 48271
"""Of the random numbers: Park, Miller and Stockmeyer, Comm. ACM 36 (7), 1993, p. 108."""
_NOISE = 16
"""The noise spans this many grey levels."""
_SPOTS = 3
_GROUND, _DARK, _BRIGHT = (200, 204, 200), (24, 24, 30), (150, 70, 45)
"""The colours of the ground and of the two halves of the body, at its dark edges."""


def draw_test_picture(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """Draws a body of two colours with spots on it, on a bright ground, under noise.

    The picture is a little like a capsule with defects, so that it moves all outputs of a network.
    It is made of whole numbers alone: the same bytes on every machine.

    Args:
        width: In pixels.
        height: In pixels.
        seed: Places and colours the spots, and makes the noise; in [1, 2**31 - 2].

    Returns:
        uint8 RGB, [height, width, 3].
    """
    random = _random_numbers(seed, 4096)
    spots = (random[: 4 * _SPOTS] >> 8).reshape(_SPOTS, 4)
    # Twice the distance from the centre in pixels, and the same in thousandths of half the size.
    x, y = (2 * np.arange(size, dtype=np.int64) + 1 - size for size in (width, height))
    x, y = x[None], y[:, None]
    u, v = x * 1000 // width, y * 1000 // height
    half_width, half_height = 88 * width // 100, 72 * height // 100
    radius = min(half_width, half_height)
    beyond_x = np.maximum(np.abs(x) - (half_width - radius), 0)
    beyond_y = np.maximum(np.abs(y) - (half_height - radius), 0)
    body = beyond_x**2 + beyond_y**2 <= radius**2
    light = np.where(body, (1_000_000 - v**2) // 25_000, u // 50 - v // 40)
    part = np.where(body, 1 + (u >= 0), 0)
    for number, (across, down, size, _) in enumerate(spots.tolist(), 1):
        apart = ((u - across % 1200 + 600) * width) ** 2 + ((v - down % 800 + 400) * height) ** 2
        part[apart <= ((80 + size % 80) * min(width, height)) ** 2] = 2 + number
    colours = [_GROUND, _DARK, _BRIGHT]
    colours += [
        (code % 256, (code >> 7) % 256, (code >> 14) % 256) for code in spots[:, 3].tolist()
    ]
    noise = np.resize((random[4 * _SPOTS :] >> 16) % _NOISE - _NOISE // 2, (height, width))
    shade = (light + noise).astype(np.int16)
    picture = np.empty((height, width, 3), np.uint8)
    for channel, values in enumerate(np.array(colours, np.int16).T):  # faster than all at once
        picture[..., channel] = np.clip(values.take(part) + shade, 0, 255)
    return picture


def _random_numbers(seed: int, count: int) -> NDArray[np.int64]:
    """Returns seed times each of the first `count` powers of the factor, by doubling the series."""
    series = np.array([seed * _FACTOR % _MODULUS], np.int64)
    while series.size < count:
        series = np.concatenate([series, series * pow(_FACTOR, series.size, _MODULUS) % _MODULUS])
    return series[:count]


_STEPS = 255
"""The steps between the ends of an int8 tensor."""
_CELLS = 8
"""A map is summarized by a grid of this many rows and columns, or fewer where it is smaller."""


def summarize(output: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the values by which an output is compared.

    Args:
        output: [channels], which is compared value by value, or a map [h, w, channels].

    Returns:
        float64 [values]; of a map the means over the cells of a grid, row by row, the channels of a
        cell together. Cell i of n begins at i * size // n.
    """
    values = output.astype(np.float64)
    for axis in range(output.ndim - 1):
        size = output.shape[axis]
        cells = min(_CELLS, size)
        starts = np.arange(cells + 1) * size // cells
        sizes = np.diff(starts).reshape(-1, *[1] * (output.ndim - 1 - axis))
        values = np.add.reduceat(values, starts[:-1], axis=axis) / sizes
    return values.ravel()


@dataclass(frozen=True)
class KnownOutput:
    """What an output of the network is for the test picture.

    Attributes:
        name: The name of the output.
        step: The unit of `values`, above 0: in an int8 file the quantization step of the output, in
            others what that step would be, 1/255 of the output's range.
        tolerance: How many steps another runtime may be off, at least 1.
        values: What `summarize` returns, in whole steps.
    """

    name: str
    step: float
    tolerance: int
    values: tuple[int, ...]

    @classmethod
    def of(
        cls, name: str, output: NDArray[np.float32], tolerance: int, step: float | None = None
    ) -> "KnownOutput":
        """Takes an output as what it must be.

        Args:
            name: The name of the output.
            output: As `summarize` takes it.
            tolerance: In steps.
            step: The quantization step; None in a file without, for 1/255 of the range.
        """
        step = step or float(np.ptp(output)) / _STEPS or 1.0
        return cls(
            name, step, tolerance, tuple(np.rint(summarize(output) / step).astype(int).tolist())
        )

    def difference(self, output: NDArray[np.float32]) -> float:
        """Returns the largest difference in steps; infinity if the output is not all numbers.

        Raises:
            ValueError: It has another number of values.
        """
        values = summarize(output) / self.step
        if values.size != len(self.values):
            raise ValueError(
                f"`{self.name}` has {values.size} values instead of {len(self.values)}"
            )
        apart = np.abs(values - np.array(self.values, np.float64))
        return float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0))


@dataclass(frozen=True)
class KnownAnswer:
    """What a model must say of the test picture.

    Attributes:
        seed: Makes the picture.
        outputs: One for each output of the network, by name.
    """

    seed: int
    outputs: tuple[KnownOutput, ...]

    def require_of(
        self,
        run: Callable[[NDArray[np.uint8]], Mapping[str, NDArray[np.float32]]],
        size: tuple[int, int],
        name: str,
        runtime: str,
    ) -> None:
        """Runs a model on the test picture, and refuses it if its answer is another.

        Args:
            run: Maps the picture to the outputs by name.
            size: Width and height of the picture.
            name: The name of the model file in messages.
            runtime: Name and version of the runtime that runs it.

        Raises:
            WrongAnswerError: The answer differs.
            ModelFileError: The known answer is that of another network.
        """
        outputs = run(draw_test_picture(*size, self.seed))
        try:
            if outputs.keys() != {each.name for each in self.outputs}:
                raise ValueError(f"the file gives {', '.join(outputs)}")
            apart = [(each, each.difference(outputs[each.name])) for each in self.outputs]
        except ValueError as error:
            raise ModelFileError(
                f"The known answer in {name} belongs to another network ({error}): export the "
                "model again with `capsule-inspect export-tflite`."
            ) from error
        wrong = [_spell(known, gap) for known, gap in apart if gap > known.tolerance]
        if wrong:
            raise WrongAnswerError(
                f"{runtime} on {describe_processor()} computes {name} wrongly: for its test "
                f"picture, {' and '.join(wrong)}. Use another `--runtime`, another version of it "
                "or another machine; if all of them say this, the file was changed: export the "
                "model again."
            )


def _spell(known: KnownOutput, gap: float) -> str:
    if gap == np.inf:
        return f"`{known.name}` is not a number"
    return (
        f"`{known.name}` is {gap:.4g} steps from the known answer, where {known.tolerance} are "
        "allowed"
    )


def read_known_answer(value: object) -> KnownAnswer:
    """Reads a known answer; raises ValueError if a value has the wrong type or is out of range."""
    where = "known_answer"
    fields = StrictObject(value, where, field_names(KnownAnswer))
    outputs = [
        StrictObject(item, f"{where}.outputs[]", field_names(KnownOutput))
        for item in fields.items("outputs")
    ]
    names = [each.text("name") for each in outputs]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"`{where}.outputs` must name each output once")
    return KnownAnswer(fields.count("seed"), tuple(map(_read_output, outputs)))


def _read_output(fields: StrictObject) -> KnownOutput:
    return KnownOutput(
        name=fields.text("name"),
        step=fields.number("step", low=sys.float_info.min),
        tolerance=fields.count("tolerance"),
        values=fields.integers("values"),
    )


_CPU_INFO = Path("/proc/cpuinfo")


def describe_processor(cpu_info: Path = _CPU_INFO) -> str:
    """Returns the name and architecture of the processor, such as `AMD EPYC 7B13 (x86_64)`.

    Args:
        cpu_info: What Linux says of the processor; elsewhere Python is asked.
    """
    try:
        text = cpu_info.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    said: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        said.setdefault(key.strip(), " ".join(value.split()))
    name = said.get("model name") or platform.processor()
    if "CPU part" in said:  # Linux on ARM gives numbers
        name = f"ARM part {said['CPU part']} of implementer {said.get('CPU implementer', '?')}"
    machine = platform.machine() or "unknown"
    return f"{name} ({machine})" if name and name != machine else f"a processor of {machine}"
