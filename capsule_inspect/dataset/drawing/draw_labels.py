"""The labels of a set of drawn capsules."""

import numpy as np

from capsule_inspect.classes import GOOD
from capsule_inspect.dataset.drawing.defects import DEFECTS


def draw_labels(count: int, seed: int) -> tuple[str, ...]:
    """Chooses the labels of a set: half good, the rest evenly over `DEFECTS`, in seeded order.

    Of an odd count, the larger half is good; what does not divide evenly goes to the first classes.

    Args:
        count: How many, 0 or more.
        seed: Decides the order.
    """
    good = (count + 1) // 2
    labels = [GOOD] * good + [DEFECTS[i % len(DEFECTS)] for i in range(count - good)]
    order = np.random.default_rng(seed).permutation(count)
    return tuple(labels[i] for i in order)
