"""Learning from good pictures alone: a run without gradient steps, in seconds."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import AUTO_POLICY, GOOD, GOOD_OR_ANOMALY, NO_REVIEW
from capsule_inspect.dataset.data_set import DataSet, as_known_to
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.evaluation.intervals import wilson
from capsule_inspect.evaluation.judge import judge
from capsule_inspect.evaluation.metrics import estimate_share, measure
from capsule_inspect.files import hash_file
from capsule_inspect.inference.cores import available_cores
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.model.encoders.encoder import round_kernels
from capsule_inspect.model.keras_runner import KerasRunner
from capsule_inspect.model.normality import (
    STRIDES,
    build_normality_network,
    feature_norm,
    statistics_inputs,
)
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint
from capsule_inspect.reporter import Advance, Reporter
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import Settings, ThresholdSettings
from capsule_inspect.training.decision import DecisionRule, write_decision
from capsule_inspect.training.encode import EncoderRunner
from capsule_inspect.training.fit import write_validation
from capsule_inspect.training.network_files import save_network
from capsule_inspect.training.normality import (
    Features,
    fit_normality,
    highest,
    scale_of,
    score,
    write_normality,
    write_scale,
)
from capsule_inspect.training.sources import SourceKey, Sources

_PROTOTYPES: Final = 2048
"""Half as many find fewer defects; more take too long (`experiments/README.md`)."""
_MOST: Final = 600
"""Most pictures to learn from: their features take 0.5 MB each."""
_LEAST: Final = 10
_PARTS: Final = 5
"""Parts of the pictures for cross-fitting."""
_FALSE_ALARMS: Final = 0.05
"""The share of good pictures that may be called anomalies if no policy is set. Good pictures alone
cannot tell what a lower share costs in defects."""
_MEMORY: Final = 64 * 2**20
_ROUNDING: Final = 4
"""Number of windows on which the rounding of the encoder is corrected."""
_BATCH: Final = 16
_LARGEST: Final = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class _Learned:
    """The features of the pictures to learn from.

    Attributes:
        places: float16 [n, places, channels].
        grid: float16 [n, places of the grid, channels].
        parts: The part of each picture that a cross-fit leaves out together.
    """

    places: Features
    grid: Features
    parts: NDArray[np.intp]

    def some(self, chosen: NDArray[np.bool_]) -> "_Learned":
        return _Learned(self.places[chosen], self.grid[chosen], self.parts[chosen])


def fit_on_good(
    settings: Settings, data: DataSet, run: RunFolder, reporter: Reporter
) -> tuple[Metric, ...]:
    """Learns what is normal, and saves the network with its operating point.

    Only good pictures of the split `train` are learned from. The threshold is chosen on them by
    cross-fitting: each part is scored by statistics of the others.

    Args:
        settings: All settings.
        data: The data set.
        run: The run folder.
        reporter: Follows the progress.

    Returns:
        Metrics on the validation split, where nothing was chosen; empty without that split.

    Raises:
        DataError: There are too few good pictures, or no capsule is found on most of them.
        UsageError: The policy of the threshold needs defects.
        ConfigError: The encoder is unknown, or its weights cannot be had.
    """
    wanted = _resolve(settings.threshold)
    keras.utils.set_random_seed(settings.train.seed)
    reporter.say(f"Reading the good pictures of {settings.data.dir}.")
    sources = _read(settings, data, reporter)
    found = map(sources.read, sources.keys)
    windows = [source.crop.take(source.picture) for source in found]
    network = build_normality_network(settings.model, _PROTOTYPES)
    round_kernels(network, np.stack(windows[:: max(1, len(windows) // _ROUNDING)][:_ROUNDING]))
    with reporter.progress(len(windows), "Encoding") as advance:
        levels = _encode(network, windows, advance)
    _settle_norms(network, levels)
    learned = _learn(network, levels, _parts_of(sources.keys))
    reporter.say(f"Fitting what is normal to {len(windows)} good pictures.")
    seed, scores = settings.train.seed, np.zeros((*learned.places.shape[:2], 2))
    with reporter.progress(_PARTS + 1, "Fitting", "fits") as advance:
        for part in range(_PARTS):
            inside = learned.parts == part
            _fit(network, learned.some(~inside), seed)
            held_out = learned.some(inside)
            scores[inside] = score(network, held_out.places, held_out.grid)
            advance()
        scale = scale_of(scores, wanted.value)
        _fit(network, learned, seed)
        write_scale(network, scale)
        advance()
    alarms = [bool(total >= 0) for total in highest(scale(scores))]
    return _save(settings, data, run, network, _point(alarms, wanted))


def _resolve(wanted: ThresholdSettings) -> ThresholdSettings:
    if wanted.review_rates:
        raise UsageError(
            f"threshold.review={wanted.review} needs defects, and this network learns from good "
            "pictures alone. Leave it out."
        )
    if wanted.policy == AUTO_POLICY:
        return ThresholdSettings("max_false_alarm_rate", _FALSE_ALARMS, NO_REVIEW)
    if wanted.policy != "max_false_alarm_rate":
        raise UsageError(
            f"threshold.policy={wanted.policy} needs defects, and this network learns from good "
            "pictures alone. Set threshold.policy=max_false_alarm_rate and threshold.value to the "
            "share of good ones that may be called defective."
        )
    return wanted


def _read(settings: Settings, data: DataSet, reporter: Reporter) -> Sources:
    """Finds the good capsules to learn from."""
    good = [sample for sample in data.of_split("train") if sample.label == GOOD]
    step = max(1, -(-len(good) // _MOST))
    if step > 1:
        reporter.say(f"Of the {len(good)} good pictures, one in {step} is learned from.")
    sources = Sources(data, good[::step], settings.model.roi, 0.0, _MEMORY)
    sources.tell_what_is_left_out(reporter)
    if len(sources.keys) < _LEAST:
        raise DataError(
            f"The training split has {len(sources.keys)} good pictures, but at least {_LEAST} are "
            "needed to learn what is normal. Add pictures."
        )
    return sources


def _parts_of(keys: Sequence[SourceKey]) -> NDArray[np.intp]:
    """Returns the part of each capsule; copies of a picture, and pictures of a part, share one."""
    samples = [key.sample for key in keys if key.sample is not None]
    names = [sample.group or sample.sha256 for sample in samples]
    number = {name: place % _PARTS for place, name in enumerate(sorted(set(names)))}
    return np.array([number[name] for name in names])


def _encode(
    network: keras.Model, windows: Sequence[NDArray[np.uint8]], advance: Advance
) -> tuple[Features, ...]:
    """Returns the encoder's features of all windows at each stride, float16 [n, h, w, channels]."""
    encode = EncoderRunner(network)
    levels = tuple(np.empty((len(windows), *shape), np.float16) for shape in encode.shapes)

    def work(place: int) -> None:
        for level, features in zip(levels, encode(windows[place]), strict=True):
            level[place] = np.clip(features, -_LARGEST, _LARGEST)
        advance()

    with ThreadPoolExecutor(available_cores()) as pool:
        for _ in pool.map(work, range(len(windows))):
            pass
    return levels


def _settle_norms(network: keras.Model, levels: Sequence[Features]) -> None:
    """Sets the norms of the features to their statistics on all windows."""
    for stride, level in zip(STRIDES, levels, strict=True):
        mean = level.mean(axis=(0, 1, 2), dtype=np.float64)
        apart = [((picture - mean) ** 2).mean(axis=(0, 1)) for picture in level]
        layer = network.get_layer(feature_norm(stride))
        gamma, beta, *_ = layer.get_weights()
        layer.set_weights([gamma, beta, mean, np.mean(apart, axis=0)])


def _learn(network: keras.Model, levels: Sequence[Features], parts: NDArray[np.intp]) -> _Learned:
    model = statistics_inputs(network)
    outputs = [
        model([level[start : start + _BATCH].astype(np.float32) for level in levels])
        for start in range(0, len(parts), _BATCH)
    ]
    places, grid = (
        np.concatenate([np.asarray(batch[name], np.float16) for batch in outputs])
        for name in ("places", "grid")
    )
    return _Learned(places, grid, parts)


def _fit(network: keras.Model, learned: _Learned, seed: int) -> None:
    write_normality(network, fit_normality(learned.places, learned.grid, _PROTOTYPES, seed))


def _point(alarms: Sequence[bool], wanted: ThresholdSettings) -> OperatingPoint:
    count, n = sum(alarms), len(alarms)
    bound = wilson(count, n)[1]
    expected = estimate_share("false_alarm_rate", alarms)
    return OperatingPoint(
        chosen_by=(
            f"at most {wanted.value:.4g} of the good pictures called defective, by cross-fitting "
            f"on {n} of them. {count} are; the true rate may be as high as {bound:.3f} "
            "(95 % interval)"
        ),
        policy=wanted.policy,
        policy_value=wanted.value,
        expected=() if expected is None else (expected,),
    )


def _save(
    settings: Settings, data: DataSet, run: RunFolder, network: keras.Model, point: OperatingPoint
) -> tuple[Metric, ...]:
    save_network(network, run.model, compiled=False)
    known = as_known_to(data, GOOD_OR_ANOMALY)
    inspector = Inspector(KerasRunner(network), GOOD_OR_ANOMALY, settings.model.roi, point)
    metrics = measure(judge(known, known.of_split("val"), inspector))
    if metrics:
        write_validation(run.validation, metrics)
    rule = DecisionRule(
        classes=GOOD_OR_ANOMALY,
        roi=settings.model.roi,
        operating_point=point,
        training_data_sha256=data.training_sha256,
        licence=data.licence,
        network_sha256=hash_file(run.model),
    )
    write_decision(run.decision, rule)
    return metrics
