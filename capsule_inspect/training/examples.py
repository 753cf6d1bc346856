"""The examples that a run learns from: views of real and drawn capsules, in batches."""

import math
import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import ConfigError
from capsule_inspect.inference.cores import available_cores
from capsule_inspect.model.encoders.encoder import PREFIX
from capsule_inspect.modelfile.runtime import MASK_LOGITS
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.settings.groups import Settings
from capsule_inspect.training.augment import Augmenter, reach
from capsule_inspect.training.batches import Batches, Example, image_examples
from capsule_inspect.training.encode import EncoderRunner
from capsule_inspect.training.feature_cache import FeatureCache
from capsule_inspect.training.region_classifier import has_region_classifier
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
        reporter: Told of the pictures that are left out.

    Raises:
        DataError: The training split lacks good or defective pictures, or shows another product
            than capsules.
        PictureError: A picture or mask cannot be read.
    """

    def __init__(self, settings: Settings, data: DataSet, reporter: Reporter = SILENT) -> None:
        model, train = settings.model, settings.train
        self._settings, self._data = settings, data
        margin = reach(train.augment, model.roi)
        self._sources = Sources(data, data.of_split("train"), model.roi, margin, _MEMORY)
        self._sources.tell_what_is_left_out(reporter)
        self._drawn = self._sources.draw(train.drawn, seed=0)
        self._make = ViewMaker(self._sources, Augmenter(train.augment, model.roi))
        roi, stride = model.roi, model.mask_stride
        self._mask_shape = (roi.height // stride, roi.width // stride)
        self._live, self._repeated = self._sampler(repeated=False), self._sampler(repeated=True)

    def of_images(self, network: keras.Model, repeated: bool = False) -> Batches:
        """Returns batches for the whole network.

        Args:
            network: The network.
            repeated: Whether to use views again, as `of_features` does; else each is used once.
        """
        sampler = self._repeated if repeated else self._live
        return self._batches(network, sampler, image_examples(self._make, self._mask_shape))

    def of_features(
        self, network: keras.Model, epochs: Sequence[int], reporter: Reporter
    ) -> Batches:
        """Stores the features of the views that a run needs, and returns batches of them.

        Args:
            network: The network; its encoder is frozen.
            epochs: The epochs that train on features.
            reporter: Follows the progress.

        Raises:
            ConfigError: The cache cannot be written.
            PictureError: A picture or mask cannot be read.
        """
        sampler, train = self._repeated, self._settings.train
        keys = {
            key for e in epochs for step in range(train.steps) for key in sampler.batch(e, step)
        }
        if has_region_classifier(network):
            keys.update(key for views in sampler.views_of_defects() for key in views)
        in_order = sorted(keys, key=lambda key: (key.source.digest, key.digest))
        cache = self._cache(network)
        room = cache.room
        if room < len(in_order):
            reporter.warn(
                f"There is room for {room} of the {len(in_order)} views that the run uses again "
                "and again; the features of the others are computed each time. Set train.cache_gb "
                f"to {math.ceil(train.cache_gb * len(in_order) / room) if room else 'more'}."
            )
        reporter.say(
            f"Computing the features of {len(in_order)} variations, or reading them again."
        )
        with reporter.progress(min(room, len(in_order)), "Encoding", "views") as advance:
            cache.fill(in_order, available_cores(), advance)
        return self._batches(network, sampler, cache.read)

    def plain_windows(self, count: int) -> NDArray[np.uint8]:
        """Returns windows of good drawn capsules, uint8 [n, H, W, 3], whatever the data set is."""
        good = [key for key in self._sources.draw(4 * count, seed=0) if key.label == 0][:count]
        sources = map(self._sources.read, good)
        return np.stack([source.crop.take(source.picture) for source in sources])

    def _sampler(self, repeated: bool) -> Sampler:
        train = self._settings.train
        return Sampler(self._sources.keys, self._drawn, self._data.classes, train, repeated)

    def _batches(
        self, network: keras.Model, sampler: Sampler, load: Callable[[ViewKey], Example]
    ) -> Batches:
        shape = self._mask_shape if MASK_LOGITS in network.output else None
        return Batches(sampler, load, self._settings.train, len(self._data.classes), shape)

    def _cache(self, network: keras.Model) -> FeatureCache:
        model, train = self._settings.model, self._settings.train
        shown = f"{model.roi} {model.mask_stride} {train.augment}"
        made_from = f"{shown} {digest_encoder(network)} {_versions()}"
        return FeatureCache(
            Path(train.cache) if train.cache else default_cache_folder(),
            made_from,
            self._make,
            EncoderRunner(network),
            self._mask_shape,
            int(train.cache_gb * 1e9),
        )


def default_cache_folder() -> Path:
    """Returns the folder of stored features if none is set; it follows the XDG specification.

    Raises:
        ConfigError: The user has no home folder.
    """
    try:
        root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        raise ConfigError(
            "There is no home folder to store features in. Set train.cache to a folder."
        ) from None
    return Path(root) / "capsule-inspect" / "features"


def _versions() -> str:
    """Returns the versions of all that decides about views and features to the last bit."""
    packages = ("numpy", "opencv-python-headless", "albumentations", "ai-edge-litert")
    return " ".join(f"{name} {version(name)}" for name in packages)


def digest_encoder(network: keras.Model) -> str:
    """Returns a SHA-256 of the weights of a network's encoder."""
    digest = sha256()
    for layer in network.layers:
        if layer.name.startswith(PREFIX):
            for weights in layer.get_weights():
                digest.update(weights.tobytes())
    return digest.hexdigest()
