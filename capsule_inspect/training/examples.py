"""The examples that a run learns from: views of real and drawn capsules, in batches."""

import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import ConfigError
from capsule_inspect.inference.batch import available_cores
from capsule_inspect.model.encoders.encoder import PREFIX
from capsule_inspect.modelfile.runtime import MASK_LOGITS
from capsule_inspect.reporter import Reporter
from capsule_inspect.settings.groups import Settings
from capsule_inspect.training.augment import Augmenter, reach
from capsule_inspect.training.batches import Batches, Example, image_examples
from capsule_inspect.training.encode import EncoderRunner
from capsule_inspect.training.feature_cache import FeatureCache
from capsule_inspect.training.sampler import Sampler
from capsule_inspect.training.sources import Sources
from capsule_inspect.training.views import ViewKey, ViewMaker

_MEMORY: Final = 256 * 2**20
"""Most bytes of pictures in memory."""


class Examples:
    """Makes the batches of a run.

    Args:
        settings: All settings.
        data: The data set; its split `train` is for training.

    Raises:
        DataError: The training split lacks good or defective pictures.
        PictureError: A picture or mask cannot be read.
    """

    def __init__(self, settings: Settings, data: DataSet) -> None:
        model, train = settings.model, settings.train
        self._settings, self._data = settings, data
        margin = reach(train.augment, model.roi)
        self._sources = Sources(data, data.of_split("train"), model.roi, margin, _MEMORY)
        self._drawn = self._sources.draw(train.drawn, seed=0)
        self._make = ViewMaker(self._sources, Augmenter(train.augment, model.roi))
        roi, stride = model.roi, model.mask_stride
        self._mask_shape = (roi.height // stride, roi.width // stride)
        self._live, self._repeated = self._sampler(repeated=False), self._sampler(repeated=True)

    def of_images(self, network: keras.Model, epoch: int, repeated: bool = False) -> Batches:
        """Returns batches for the whole network.

        Args:
            network: The network.
            epoch: The first epoch of the batches.
            repeated: Whether to use views again, as `of_features` does; else each is used once.
        """
        sampler = self._repeated if repeated else self._live
        return self._batches(network, sampler, image_examples(self._make, self._mask_shape), epoch)

    def of_features(
        self, network: keras.Model, epochs: Sequence[int], epoch: int, reporter: Reporter
    ) -> Batches:
        """Stores the features of the views that a run needs, and returns batches of them.

        Args:
            network: The network; its encoder is frozen.
            epochs: The epochs that train on features.
            epoch: The first epoch of the batches.
            reporter: Follows the progress.

        Raises:
            ConfigError: The cache cannot be written.
            PictureError: A picture or mask cannot be read.
        """
        steps = range(self._settings.train.steps)
        keys = {key for e in epochs for step in steps for key in self._repeated.batch(e, step)}
        in_order = sorted(keys, key=lambda key: (key.source.digest, key.digest))
        try:
            cache = self._cache(network)
            with reporter.progress(len(in_order), "Encoding", "views") as advance:
                cache.fill(in_order, available_cores(), advance)
        except OSError as error:
            raise ConfigError(
                f"The features cannot be stored in '{self._cache_folder}' ({error.strerror}). "
                "Set train.cache to a folder that can be written and has room, or set "
                "train.cache_gb to less."
            ) from error
        return self._batches(network, self._repeated, cache.read, epoch)

    def plain_windows(self, count: int) -> NDArray[np.uint8]:
        """Returns windows of drawn capsules, uint8 [n, H, W, 3], the same for all data sets."""
        keys = self._sources.draw(count, seed=0)
        return np.stack([self._make(ViewKey(key, 0)).image for key in keys])

    def _sampler(self, repeated: bool) -> Sampler:
        train = self._settings.train
        return Sampler(self._sources.keys, self._drawn, self._data.classes, train, repeated)

    def _batches(
        self,
        network: keras.Model,
        sampler: Sampler,
        load: Callable[[ViewKey], Example],
        epoch: int,
    ) -> Batches:
        shape = self._mask_shape if MASK_LOGITS in network.output else None
        return Batches(
            sampler, load, self._settings.train, len(self._data.classes), shape, first_epoch=epoch
        )

    @property
    def _cache_folder(self) -> Path:
        return Path(self._settings.train.cache or default_cache_folder())

    def _cache(self, network: keras.Model) -> FeatureCache:
        model, train = self._settings.model, self._settings.train
        made_from = f"{model.roi} {model.mask_stride} {train.augment} {digest_encoder(network)}"
        return FeatureCache(
            self._cache_folder,
            made_from,
            self._make,
            EncoderRunner(network),
            self._mask_shape,
            int(train.cache_gb * 1e9),
        )


def default_cache_folder() -> Path:
    """Returns the folder of stored features if none is set; it follows the XDG specification."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "capsule-inspect" / "features"


def digest_encoder(network: keras.Model) -> str:
    """Returns a SHA-256 of the weights of a network's encoder."""
    digest = sha256()
    for layer in network.layers:
        if layer.name.startswith(PREFIX):
            for weights in layer.get_weights():
                digest.update(weights.tobytes())
    return digest.hexdigest()
