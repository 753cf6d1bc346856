"""All settings, by group: their types, ranges and sentences. Default values are in `conf/`.

To add a setting, add a field here and its default value to the file that `conf/config.yaml` names
for the group.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from capsule_inspect.checks import require_bits, require_range, setting
from capsule_inspect.choices import (
    AUTO_POLICY,
    AUTO_REVIEW,
    DECODERS,
    LABEL_HEADS,
    MASK_LOSSES,
    NORMALITY,
    PICTURES_SHAPE,
    POLICIES,
    PRUNERS,
    QUANTIZATIONS,
    ROI_SHAPES,
    SCHEDULES,
)
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.defaults import group
from capsule_inspect.settings.review_rates import ReviewRates, parse_review_rates
from capsule_inspect.settings.search_space import SpaceSettings

if TYPE_CHECKING:
    from capsule_inspect.modelfile.metadata import OperatingPoint

_SEEDS = 2**32
"""The number of seeds; NumPy and Keras take no higher ones."""

COARSEST_STRIDE = 32
"""The side of a pixel of the encoder's last features, in window pixels."""


def _require_folds(key: str, folds: int, none: str) -> None:
    if folds < 0 or folds == 1:
        raise ValueError(f"{key} is {folds}, but must be 0 ({none}) or at least 2.")


@group("data")
class DataSettings:
    """The data set folder, its split, and the drawn capsules."""

    dir: str = setting(
        "The data set folder that `train`, `tune`, `evaluate` and `export-tflite` read."
    )
    root: str = setting(
        "The folder the pictures are in now; empty if they are where dataset.json says."
    )
    seed: int = setting("Seed of the split and of the drawn capsules.", at_least=0)
    val: float = setting(
        "Share of each class for the validation split. `data.val` + `data.test` is below 1.",
        at_least=0,
        below=1,
    )
    test: float = setting(
        "Share of each class for the test split. `data.val` + `data.test` is below 1.",
        at_least=0,
        below=1,
    )
    folds: int = setting(
        "Number of cross-validation folds, in addition to the split: at least 2, or 0 for none."
    )
    group: str = setting(
        "A regular expression on the path, whose first group names the part that a picture shows, "
        "such as `part(\\d+)_`: pictures of one part share a split and a fold. Empty for none."
    )
    group_gap: int = setting(
        "If above 0, `data.group` finds numbers, such as those of frames: numbers at most this far "
        "apart are of one part.",
        at_least=0,
    )
    good: str = setting(
        "What the folder calls the class without a defect, such as `OK`; empty if the name tells."
    )
    bits: int = setting(
        "The bits that the camera uses of pictures of 16 bits, from 9 to 16; 0 for what a file "
        "says, or 16."
    )
    invert_masks: bool = setting("Whether black stands for defect in the files of masks.")
    count: int = setting("Number of capsules that `prepare drawn` draws.", at_least=1)
    size: int = setting("Side of the drawn pictures, in pixels.", at_least=200)

    def __post_init__(self) -> None:
        """Raises ValueError if the shares or the folds are impossible."""
        require_range("data.val + data.test", round(self.val + self.test, 9), below=1)
        _require_folds("data.folds", self.folds, "no folds")
        try:
            re.compile(self.group)
        except re.error as error:
            raise ValueError(f"data.group is no regular expression: {error}.") from None
        require_bits("data.bits", self.bits or None)
        if self.group_gap and not self.group:
            raise ValueError("data.group_gap needs data.group, which finds the numbers.")


@group("model")
class ModelSettings:
    """The network."""

    encoder: str = setting("The encoder, such as `efficientnet_lite0`; checked when a run begins.")
    weights: str = setting(
        "The weights to start from: `imagenet`, `none`, the folder of a run or a `.keras` file, of "
        "which the layers that fit are taken, or a `.weights.h5` file of the whole network."
    )
    roi: Roi = setting("The window the network sees; its sides are multiples of 32 pixels.")
    roi_shape: str = setting(
        "The window's shape: `fixed` is that of `model.roi`; `pictures` is the median shape of the "
        "training pictures, with the area of `model.roi`; not for `model.roi.mode=capsule`.",
        choices=ROI_SHAPES,
    )
    decoder: str = setting(
        "The decoder: `subpixel` has the two levels at strides 16 and 8, and predicts four mask "
        "pixels at each place; `unet` has a level for each entry of `model.decoder_filters`.",
        choices=DECODERS,
    )
    decoder_filters: list[int] = setting(
        "Channels of each decoder level, from stride 16 to finer strides: at least two levels of "
        "at least 1. The mask is scaled up from the last level."
    )
    decoder_dropout: float = setting(
        "Share of the channels dropped after each level in training.", at_least=0, below=1
    )
    members: int = setting(
        "Number of decoders and label heads on the encoder. Each learns by itself, and the mean of "
        "their answers counts.",
        at_least=1,
    )
    mask_stride: int = setting("Side of a mask pixel, in window pixels: 1, 2 or 4.")
    head: str = setting(
        "The label head; `normality` learns from good pictures alone, without gradients.",
        choices=(*LABEL_HEADS, NORMALITY),
    )
    head_units: list[int] = setting(
        "Hidden units of each layer of the label head: at least one layer of at least 1."
    )
    head_dropout: float = setting(
        "Share of the head's units dropped in training.", at_least=0, below=1
    )
    head_shrinkage: float = setting(
        "Shrinkage of the covariance within classes, for the head `region`.", above=0, at_most=1
    )

    def __post_init__(self) -> None:
        """Raises ValueError if window, decoder or head are impossible."""
        for name, side in (("width", self.roi.width), ("height", self.roi.height)):
            if side % COARSEST_STRIDE:
                raise ValueError(
                    f"model.roi.{name} is {side}, but must be divisible by {COARSEST_STRIDE}."
                )
        if self.roi_shape == PICTURES_SHAPE and self.roi.mode == "capsule":
            raise ValueError(
                f"model.roi_shape is {PICTURES_SHAPE}, but a window around a capsule keeps its "
                "shape. Set model.roi.mode=stretched, or model.roi_shape=fixed."
            )
        if len(self.decoder_filters) < 2 or min(self.decoder_filters) < 1:
            raise ValueError(
                f"model.decoder_filters is {self.decoder_filters}, but must name at least two "
                "levels of at least 1 channel."
            )
        if self.mask_stride not in (1, 2, 4):
            raise ValueError(f"model.mask_stride is {self.mask_stride}, but must be 1, 2 or 4.")
        if not self.head_units or min(self.head_units) < 1:
            raise ValueError(
                f"model.head_units is {self.head_units}, but must name at least one layer of at "
                "least 1 unit."
            )


@group("train.augment")
class AugmentSettings:
    """Limits of the changes to training crops; every range is symmetric about no change."""

    rotate: float = setting("Rotation, in degrees.", at_least=0)
    scale: float = setting("Change of size, as a share of the size.", at_least=0, at_most=1)
    shift_x: int = setting("Shift along the capsule, in window pixels.", at_least=0)
    shift_y: int = setting("Shift across the capsule, in window pixels.", at_least=0)
    flip: float = setting(
        "Probability of a mirror image across the long axis.", at_least=0, at_most=1
    )
    gamma: float = setting("Largest gamma; 1.25 means from 0.8 to 1.25.", at_least=1)
    contrast: float = setting(
        "Change of contrast, as a share of the contrast.", at_least=0, at_most=1
    )
    brightness: float = setting("Change of brightness, as a share of full white.", at_least=0)
    cast: float = setting(
        "Change of each colour channel, as a share of its value.", at_least=0, at_most=1
    )
    blur: float = setting("Probability of a slight blur.", at_least=0, at_most=1)
    noise: float = setting("Probability of sensor noise.", at_least=0, at_most=1)
    compress: float = setting("Probability of JPEG compression.", at_least=0, at_most=1)
    ground: float = setting(
        "Probability that a capsule is laid on an even ground of another shade.",
        at_least=0,
        at_most=1,
    )


@group("train")
class TrainSettings:
    """A training run or, with folds, a study of several runs."""

    frozen_epochs: int = setting(
        "Epochs at the start that keep the encoder frozen; 0 for none.", at_least=0
    )
    frozen_learning_rate: float = setting(
        "Peak learning rate of decoder and heads in these first epochs.", above=0
    )
    epochs: int = setting("Epochs after the frozen ones; each ends with a checkpoint.", at_least=1)
    steps: int = setting("Batches per epoch.", at_least=1)
    batch_size: int = setting("Crops per batch, half good, half defective.", at_least=2)
    schedule: str = setting(
        "Course of the learning rate: `one_cycle` rises, then falls to 0 in each stage.",
        choices=SCHEDULES,
    )
    learning_rate: float = setting("Peak learning rate of decoder and heads.", above=0)
    encoder_learning_rate: float = setting(
        "Peak learning rate of the encoder; 0 keeps its pretrained weights.", at_least=0
    )
    clipnorm: float = setting("Largest norm of each gradient; 0 for no limit.", at_least=0)
    weight_decay: float = setting("Decoupled weight decay of AdamW.", at_least=0)
    average_momentum: float = setting(
        "Most momentum of the exponential moving average of the weights, per step; short stages "
        "use less, so that the average reaches back over a sixth of them.",
        at_least=0,
        below=1,
    )
    label_smoothing: float = setting(
        "Share of the label's probability spread over all classes.", at_least=0, below=1
    )
    mask_loss: str = setting(
        "The loss of the mask: `classes` is weighted cross-entropy, and Dice on defective "
        "pictures; `any_defect` is binary cross-entropy and Dice.",
        choices=MASK_LOSSES,
    )
    defect_weight: float = setting(
        "Weight of defect pixels in the cross-entropy of `classes`.", above=0
    )
    transplant: float = setting(
        "Probability that a good crop gets a defect cut from another training crop.",
        at_least=0,
        at_most=1,
    )
    drawn: int = setting("Number of drawn capsules added to the training pictures.", at_least=0)
    drawn_share: float = setting(
        "Share of each batch taken from the drawn capsules.", at_least=0, at_most=1
    )
    validate_every: int = setting(
        "Epochs between validations; the last epoch is always validated.", at_least=1
    )
    patience: int = setting(
        "Number of validations without a better score before training stops and keeps the best "
        "weights. 0 trains to the end and keeps the last averaged weights.",
        at_least=0,
    )
    folds: int = setting(
        "Number of cross-validation folds, each left out once: at least 2, or 0 for a single run."
    )
    seeds: int = setting("Number of runs per fold, with seeds from `train.seed` on.", at_least=1)
    seed: int = setting(
        "Seed of initial weights, sampling and augmentation.", at_least=0, below=_SEEDS
    )
    augment: AugmentSettings = setting("Limits of the random changes to training crops.")
    cache: str = setting(
        "The folder where the features of a frozen encoder are stored, for all runs; empty for "
        "`capsule-inspect/features` in the user's cache folder."
    )
    cache_gb: float = setting("Most gigabytes that this folder may hold.", at_least=0)
    resume: str = setting("The folder of a run or study to resume; empty for a new run.")

    def __post_init__(self) -> None:
        """Raises ValueError if folds, seeds and seed do not go together."""
        _require_folds("train.folds", self.folds, "a single run")
        if self.seeds > 1 and not self.folds:
            raise ValueError("train.seeds counts the runs of each fold; it needs train.folds.")
        require_range("train.seed + train.seeds", self.seed + self.seeds, at_most=_SEEDS)


@group("threshold")
class ThresholdSettings:
    """The rule that chooses the threshold of the defect score."""

    policy: str = setting(
        "`best_f1` finds defects with the best F1; where most pictures are defective, it may call "
        "nearly all of them so. `max_miss_rate` gives the fewest false "
        "alarms while missing at most `threshold.value` of the defects, `max_false_alarm_rate` the "
        "fewest misses while calling at most that share of the good ones defective. `auto` is the "
        "policy that the network was trained with; in training it is `best_f1`.",
        choices=(AUTO_POLICY, *POLICIES),
    )
    value: float = setting(
        "Share of the defective pictures that may be missed, or of the good ones that may be "
        "called defective.",
        at_least=0,
        below=1,
    )
    review: str = setting(
        "Lets people decide on doubtful pictures: the share of the defective pictures that may be "
        "accepted without review, and that of the good ones that may be rejected, such as "
        "`0.005,0.01`; or one number for both. `none` lets nobody review. `auto` is what the "
        "network was trained with; in training it is `none`."
    )

    def __post_init__(self) -> None:
        """Raises ValueError if policy and value do not go together."""
        if self.value and not self.policy.startswith("max_"):
            raise ValueError(
                "threshold.value is for threshold.policy=max_false_alarm_rate and max_miss_rate "
                "alone."
            )
        parse_review_rates(self.review)

    @property
    def review_rates(self) -> ReviewRates | None:
        """The rates of `review`; None if nobody reviews."""
        return parse_review_rates(self.review)

    def resolve(self, earlier: "OperatingPoint") -> "ThresholdSettings":
        """Returns these settings, with those of an earlier choice in the place of `auto`."""
        policy, value, review = self.policy, self.value, self.review
        if policy == AUTO_POLICY:
            policy, value = earlier.policy, earlier.policy_value
        if review == AUTO_REVIEW and earlier.review:
            review = f"{earlier.review.miss_rate},{earlier.review.false_alarm_rate}"
        return ThresholdSettings(policy, value, review)

    @property
    def is_auto(self) -> bool:
        """Whether all follows from the network's training."""
        return self.policy == AUTO_POLICY and self.review == AUTO_REVIEW


@group("tune")
class TuneSettings:
    """A hyper-parameter search."""

    trials: int = setting("Number of trials in the whole study, pruned ones included.", at_least=1)
    epochs: int = setting("Epochs of each trial after the frozen ones.", at_least=1)
    pruner: str = setting(
        "`median` stops a trial whose best score so far is below the median of the finished "
        "trials at that epoch; `none` never stops a trial.",
        choices=PRUNERS,
    )
    startup_trials: int = setting(
        "Number of trials with random settings, and of finished trials before any is pruned.",
        at_least=0,
    )
    warmup_epochs: int = setting("Epochs of each trial before it can be pruned.", at_least=0)
    seed: int = setting("Seed of the sampled settings.", at_least=0)
    study: str = setting("Name of the study; not empty.")
    storage: str = setting("SQLAlchemy URL of a database; empty for `study.db` in the run folder.")
    resume: str = setting("The run folder of a search to resume; empty for a new search.")
    start: str = setting(
        "The run folder of another search, whose finished trials begin the new one if they fit its "
        "space; empty for none. They count as trials, so raise `tune.trials`."
    )

    def __post_init__(self) -> None:
        """Raises ValueError if the study has no name."""
        if not self.study:
            raise ValueError("tune.study must have a name.")


@group("export")
class ExportSettings:
    """A conversion to TFLite."""

    format: str = setting("The number format of the model file.", choices=QUANTIZATIONS)
    calibration: int = setting(
        "Number of training pictures used to measure the int8 ranges.", at_least=1
    )
    min_agreement: float = setting(
        "Smallest share of pictures that must get the same label from file and network.",
        at_least=0,
        at_most=1,
    )
    max_dice_drop: float = setting("Largest loss of Dice allowed.", at_least=0, at_most=1)
    cross_validation: str = setting(
        "The folder that `evaluate` wrote for a study of the same recipe and pictures. Use it for "
        "a network trained on all of these pictures: the file gets the study's operating point and "
        "metrics. If empty, the validation split sets the operating point and the test split gives "
        "the metrics."
    )


@group("predict")
class PredictSettings:
    """Limits and resources of `predict`; `evaluate` uses the threads."""

    threads: int = setting("Threads that the runtime uses for each capsule.", at_least=1)
    max_megapixels: float = setting(
        "Larger pictures are refused before they are decoded.", above=0, at_most=10_000
    )


@dataclass(frozen=True)
class Settings:
    """All settings, by group."""

    data: DataSettings = field(default_factory=DataSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    threshold: ThresholdSettings = field(default_factory=ThresholdSettings)
    tune: TuneSettings = field(default_factory=TuneSettings)
    space: SpaceSettings = field(default_factory=SpaceSettings)
    export: ExportSettings = field(default_factory=ExportSettings)
    predict: PredictSettings = field(default_factory=PredictSettings)

    def __post_init__(self) -> None:
        """Raises ValueError if the search space or the groups do not go together."""
        if self.model.weights == "none" and not self.train.encoder_learning_rate:
            raise ValueError(
                "model.weights=none starts the encoder from random weights, so it must learn: set "
                "train.encoder_learning_rate above 0, such as 3e-4."
            )
        self.space.require_within(self)
        sides = [each.key for each in self.space.dimensions if each.key.startswith("model.roi.")]
        if self.model.roi_shape == PICTURES_SHAPE and sides:
            raise ValueError(
                f"space: {sides[0]} cannot be searched with model.roi_shape={PICTURES_SHAPE}, "
                "which decides the window before the search. Set model.roi_shape=fixed."
            )
