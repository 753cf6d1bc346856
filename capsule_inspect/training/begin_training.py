"""What a training run needs before its first step, or the next one."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.batches import Batches
from capsule_inspect.dataset.crops import MARGIN, TrainingCrop, draw_crops, load_crops
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import DataError
from capsule_inspect.model.network import build_network
from capsule_inspect.model.round_kernels import round_kernels
from capsule_inspect.modelfile.outputs import MASK_LOGITS
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.settings import Settings
from capsule_inspect.training.network_file import load_network, save_network
from capsule_inspect.training.stages import epochs_done, plan_stages, start_stage
from capsule_inspect.training.trainer import Trainer
from capsule_inspect.training.watcher import Watcher

_PEEKED = 16
"""As many training pictures tell how rounding a frozen encoder changes its features."""


def begin_training(settings: Settings, data: DataSet, run: RunFolder, watcher: Watcher) -> Trainer:
    """Makes a network, or loads that of the checkpoint, and reads the pictures.

    A new network is saved as the first checkpoint.

    Args:
        settings: All settings.
        data: Whose split `train` is learned from, and whose split `val` is validated on.
        run: The run folder.
        watcher: Hears of the progress.

    Raises:
        DataError: The data set does not suit training.
        ConfigError: The settings make no network.
        ModelFileError: The checkpoint is damaged or of another version.
    """
    train = settings.train
    if train.patience and not data.of_split("val"):
        raise DataError(
            "train.patience goes by the validation split, and this data set has none. "
            "Prepare it with data.val above 0, or leave train.patience at 0."
        )
    keras.utils.set_random_seed(train.seed)
    is_new = not run.checkpoint.exists()
    network = (
        _new_network(settings, data) if is_new else load_network(run.checkpoint, compiled=True)
    )
    watcher.note(f"Reading the training pictures of {settings.data.dir}.")
    crops = load_crops(data, data.of_split("train"), settings.model.roi)
    batches = _make_batches(settings, data, network, crops)
    if is_new:
        if not any(stage.trains_encoder for stage in plan_stages(train)):
            round_kernels(network, _some_windows(crops))
        save_network(network, run.checkpoint, compiled=True)
    return Trainer(settings, data, run, watcher, network, batches)


def _new_network(settings: Settings, data: DataSet) -> keras.Model:
    with_mask = any(sample.mask for sample in data.of_split("train"))
    network = build_network(settings.model, len(data.classes), with_mask)
    start_stage(network, plan_stages(settings.train)[0], settings.train)
    return network


def _make_batches(
    settings: Settings, data: DataSet, network: keras.Model, crops: Sequence[TrainingCrop]
) -> Batches:
    model, train = settings.model, settings.train
    return Batches(
        real=crops,
        drawn=draw_crops(train.drawn, train.seed, data.classes, model.roi),
        classes=data.classes,
        roi=model.roi,
        settings=train,
        mask_stride=model.mask_stride if MASK_LOGITS in network.output else None,
        first_epoch=epochs_done(network, train),
    )


def _some_windows(crops: Sequence[TrainingCrop]) -> NDArray[np.uint8]:
    """Returns some of the pictures as the network sees them, uint8 [n, H, W, 3]."""
    some = crops[:: max(1, len(crops) // _PEEKED)][:_PEEKED]
    return np.stack([crop.image[MARGIN:-MARGIN, MARGIN:-MARGIN] for crop in some])
