"""Find the known answer of a new model file: what LiteRT's kernels agree on, and Keras."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import ModelFileError
from capsule_inspect.modelfile.bundle import ModelBundle
from capsule_inspect.modelfile.known_answer import (
    KnownAnswer,
    KnownOutput,
    draw_test_picture,
    summarize,
)
from capsule_inspect.modelfile.runtime import Interpreter, Kernels, Scale

_SEED = 1
_OTHER_KERNELS: dict[Kernels, str] = {
    "BUILTIN_WITHOUT_DEFAULT_DELEGATES": "LiteRT's optimized kernels",
    "BUILTIN_REF": "LiteRT's reference kernels",
}
"""The kernels that must agree with those that LiteRT takes by itself."""
_MOST_STEPS = 24
"""Limit of the largest difference between kernels, in steps. Each rounds in its own way, and the
differences grow from layer to layer: to 2 to 9 steps after EfficientNet-Lite0, and to 18 after
Lite2 and a training of seconds."""
_MOST_MEAN_STEPS = {"int8": 32, "dynamic": 8, "float16": 2, "float32": 2}
"""Limit of the mean difference from Keras by format, in steps. Keras does not round, and the test
picture is unlike those that the int8 ranges are measured on: in int8 1 to 9 steps, and up to 17
after a training of seconds."""


@dataclass(frozen=True)
class _Compared:
    """An output of the file, and how far the others are from it, in steps.

    Attributes:
        known: The output, without tolerance.
        by_kernels: The largest difference of each other set of kernels, by its name for people.
    """

    known: KnownOutput
    by_kernels: dict[str, float]

    def with_tolerance(self) -> KnownOutput:
        return replace(self.known, tolerance=2 + round(1.5 * max(self.by_kernels.values())))

    def complaints(self) -> Iterator[str]:
        for who, gap in self.by_kernels.items():
            if gap > _MOST_STEPS:
                yield (
                    f"`{self.known.name}` by {who} differs by {gap:.3g} steps ({_MOST_STEPS} are "
                    "allowed)"
                )


def find_known_answer(bundle: ModelBundle) -> KnownAnswer:
    """Lets LiteRT's kernels answer to the test picture.

    Args:
        bundle: The new model file, still without a known answer.

    Returns:
        The answer of the kernels that `predict` uses. Its tolerance is two steps more than one
        and a half times the largest difference from other kernels.

    Raises:
        ModelFileError: The others differ by more than rounding explains.
    """
    compared = list(_compare(bundle))
    complaints = [text for each in compared for text in each.complaints()]
    if complaints:
        raise ModelFileError(
            "The new model has no known answer, since LiteRT's usual kernels do not agree with the "
            f"others about the test picture: {'; '.join(complaints)}. Nothing was written. Export "
            "as float32, or train the network again with this version of capsule-inspect."
        )
    return KnownAnswer(_SEED, tuple(each.with_tolerance() for each in compared))


def compare_with_keras(network: Any, bundle: ModelBundle, answer: KnownAnswer) -> Iterator[str]:
    """Yields a sentence for each output that Keras computes otherwise than the file.

    Args:
        network: The Keras network, with the outputs of the file.
        bundle: The new model file.
        answer: Its known answer.
    """
    from capsule_inspect.model.keras_runner import KerasRunner

    most = _MOST_MEAN_STEPS[bundle.metadata.quantization]
    scales = Interpreter(bundle, kernels="BUILTIN_REF").output_scales()
    by_keras = KerasRunner(network)(_test_picture(bundle)).by_name()
    for known in answer.outputs:
        gap = _mean_difference(known, by_keras[known.name], scales.get(known.name))
        if not gap <= most:
            yield (
                f"For the test picture, `{known.name}` of the exported model differs from the "
                f"network's by {gap:.3g} steps on average; {most} are allowed."
            )


def _compare(bundle: ModelBundle) -> Iterator[_Compared]:
    picture = _test_picture(bundle)
    usual = Interpreter(bundle).run(picture).by_name()
    others, scales = {}, {}
    for kernels, who in _OTHER_KERNELS.items():
        interpreter = Interpreter(bundle, kernels=kernels)
        others[who] = interpreter.run(picture).by_name()
        scales = interpreter.output_scales()
    for name in sorted(usual):
        scale = scales.get(name)
        known = KnownOutput.of(name, usual[name], 1, scale.step if scale else None)
        yield _Compared(
            known, {who: known.difference(outputs[name]) for who, outputs in others.items()}
        )


def _test_picture(bundle: ModelBundle) -> NDArray[np.uint8]:
    roi = bundle.metadata.roi
    return draw_test_picture(roi.width, roi.height, _SEED)


def _mean_difference(
    known: KnownOutput, by_keras: NDArray[np.float32], scale: Scale | None
) -> float:
    """Compares with what Keras says, as far as the range of the int8 output reaches."""
    if scale:
        by_keras = np.clip(by_keras, scale.low, scale.high)
    return float(np.abs(summarize(by_keras) / known.step - np.array(known.values)).mean())
