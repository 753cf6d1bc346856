from collections import Counter

import numpy as np
import pytest

from capsule_inspect.dataset.crops import TrainingCrop
from capsule_inspect.dataset.pool import Pool


def crop(label: int, number: int) -> TrainingCrop:
    return TrainingCrop(np.full((2, 2, 3), 10 * number, np.uint8), None, label)


def test_the_pool_picks_from_every_group_and_only_from_groups_that_exist():
    counts = {0: 7, 2: 5, 3: 2}
    crops = [crop(label, i) for label, count in counts.items() for i in range(count)]
    pool = Pool.of(crops, 4)
    assert pool.defects == (2, 3)
    assert [len(group) for group in pool.by_class] == [7, 0, 5, 2]
    random = np.random.default_rng(0)
    good = [pool.pick(False, random) for _ in range(200)]
    bad = [pool.pick(True, random) for _ in range(400)]
    assert {c.label for c in good} == {0}
    assert {int(c.image[0, 0, 2]) for c in good} == {10 * i for i in range(7)}
    assert Counter(c.label for c in bad)[3] == pytest.approx(200, abs=40)
    assert {int(c.image[0, 0, 2]) for c in bad if c.label == 2} == {10 * i for i in range(5)}
