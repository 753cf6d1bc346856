import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from capsule_inspect.model.losses import MASK_LOSS_OF, AnyDefectLoss, ClassesLoss
from capsule_inspect.settings import groups as train_settings


def shares(labels: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[labels]


def by_loops(truth: np.ndarray, logits: np.ndarray, weight: float) -> list[float]:
    losses = []
    for y_true, y_pred in zip(truth.astype(float), logits.astype(float), strict=True):
        entropies, both, defect_true, defect_predicted = [], 0.0, 0.0, 0.0
        for row_true, row_pred in zip(y_true, y_pred, strict=True):
            for share, logit in zip(row_true, row_pred, strict=True):
                total = math.fsum(math.exp(value) for value in logit)
                p = [math.exp(value) / total for value in logit]
                entropies.append(
                    -share[0] * math.log(p[0])
                    - weight * sum(s * math.log(q) for s, q in zip(share[1:], p[1:], strict=True))
                )
                both += (1 - share[0]) * (1 - p[0])
                defect_true += 1 - share[0]
                defect_predicted += 1 - p[0]
        loss = sum(entropies) / len(entropies)
        if defect_true > 0:
            loss += 1 - (2 * both + 1) / (defect_true + defect_predicted + 1)
        losses.append(loss)
    return losses


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_the_loss_is_that_of_plain_loops(weight):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, (3, 4, 5))
    labels[0] = 0  # a good picture
    soft = shares(labels, 3)
    soft[2] = random.dirichlet([1, 1, 1], (4, 5))  # pixels at edges belong to two classes
    logits = random.normal(size=(3, 4, 5, 3)).astype(np.float32) * 2
    losses = keras.ops.convert_to_numpy(ClassesLoss(weight, reduction=None)(soft, logits))
    assert losses == pytest.approx(by_loops(soft, logits, weight), rel=1e-5)


def test_dice_plays_no_part_on_good_pictures():
    good = shares(np.zeros((1, 4, 4), int), 3)
    logits = np.zeros((1, 4, 4, 3), np.float32)
    assert float(ClassesLoss()(good, logits)) == pytest.approx(math.log(3))


def test_on_defects_dice_runs_from_one_to_nothing():
    truth = shares(np.ones((1, 20, 20), int), 2)
    wrong, right = np.zeros((1, 20, 20, 2), np.float32), np.zeros((1, 20, 20, 2), np.float32)
    wrong[..., 0], right[..., 1] = 30, 30
    assert float(ClassesLoss()(truth, right)) == pytest.approx(0, abs=1e-5)
    # cross-entropy 3 * 30, and Dice 1 - 1 / 401
    assert float(ClassesLoss()(truth, wrong)) == pytest.approx(90 + 400 / 401, rel=1e-5)


def test_a_batch_is_the_mean_of_its_pictures():
    random = np.random.default_rng(2)
    truth = shares(random.integers(0, 3, (4, 3, 3)), 3)
    logits = random.normal(size=(4, 3, 3, 3)).astype(np.float32)
    each = [float(ClassesLoss()(truth[i : i + 1], logits[i : i + 1])) for i in range(4)]
    assert float(ClassesLoss()(truth, logits)) == pytest.approx(np.mean(each), rel=1e-5)


@pytest.mark.parametrize("loss", [ClassesLoss(), AnyDefectLoss()])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e3, 1e6])
def test_loss_and_gradient_stay_finite(loss, scale):
    random = np.random.default_rng(4)
    labels = random.integers(0, 3, (2, 4, 4))
    labels[0] = 0
    logits = tf.Variable((random.normal(size=(2, 4, 4, 3)) * scale).astype(np.float32))
    with tf.GradientTape() as tape:
        value = loss(shares(labels, 3), logits)
    gradient = tape.gradient(value, logits)
    assert np.isfinite(float(value))
    assert np.isfinite(gradient.numpy()).all()
    if scale == 1:
        assert np.abs(gradient.numpy()).min() > 0


def test_any_defect_is_binary_cross_entropy_and_dice_by_plain_loops():
    random = np.random.default_rng(3)
    labels = random.integers(0, 3, (3, 4, 5))
    labels[0] = 0
    truth = shares(labels, 3)
    truth[2] = random.dirichlet([1, 1, 1], (4, 5))
    logits = random.normal(size=(3, 4, 5, 3)).astype(np.float32) * 2
    expected = []
    for y_true, y_pred in zip(truth.astype(float), logits.astype(float), strict=True):
        entropies, both, sizes = [], 0.0, 0.0
        for share, logit in zip(y_true.reshape(-1, 3), y_pred.reshape(-1, 3), strict=True):
            p = 1 - math.exp(logit[0]) / math.fsum(math.exp(value) for value in logit)
            t = 1 - share[0]
            entropies.append(-t * math.log(p) - (1 - t) * math.log(1 - p))
            both, sizes = both + t * p, sizes + t + p
        dice = 1 - (2 * both + 1) / (sizes + 1)
        expected.append(sum(entropies) / len(entropies) + dice)
    losses = keras.ops.convert_to_numpy(AnyDefectLoss(reduction=None)(truth, logits))
    assert losses == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", [ClassesLoss(), AnyDefectLoss()])
def test_a_picture_whose_mask_is_not_known_adds_nothing(loss):
    random = np.random.default_rng(5)
    truth = shares(random.integers(0, 3, (2, 4, 4)), 3)
    truth[1] = 0
    logits = tf.Variable(random.normal(size=(2, 4, 4, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        value = loss(truth, logits)
    alone = float(loss(truth[:1], logits[:1]))
    assert float(value) == pytest.approx(alone / 2, rel=1e-5)
    assert (tape.gradient(value, logits).numpy()[1] == 0).all()


@pytest.mark.parametrize("loss", [ClassesLoss(5.0, name="other"), AnyDefectLoss(name="other")])
def test_a_loss_is_rebuilt_as_it_was(loss):
    rebuilt = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(rebuilt) is type(loss)
    assert rebuilt.name == "other"
    assert rebuilt.get_config() == loss.get_config()
    if isinstance(rebuilt, ClassesLoss):
        assert rebuilt.defect_weight == 5


def test_checkpoints_from_before_it_had_its_name_are_still_read():
    stored = {
        "module": "capsule_inspect.model.losses",
        "class_name": "MaskLoss",
        "config": {"name": "mask_loss", "reduction": "sum_over_batch_size", "defect_weight": 5.0},
        "registered_name": "capsule_inspect>MaskLoss",
    }
    loss = keras.losses.deserialize(stored)
    assert isinstance(loss, ClassesLoss)
    assert loss.defect_weight == 5
    assert keras.losses.serialize(loss)["registered_name"] == stored["registered_name"]


def test_settings_name_the_losses_there_are():
    assert tuple(MASK_LOSS_OF) == train_settings.MASK_LOSSES
