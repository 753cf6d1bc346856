"""All settings, typed, a dataclass for each group."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from capsule_inspect.checks import require_choice, require_range
from capsule_inspect.choices import (
    LABEL_HEADS,
    MASK_LOSSES,
    POLICIES,
    PRUNERS,
    QUANTIZATIONS,
    SCHEDULES,
)
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.search_space import SpaceSettings

if TYPE_CHECKING:
    from capsule_inspect.modelfile.metadata import OperatingPoint


@dataclass(frozen=True)
class DataSettings:
    """What `prepare` makes of pictures, and where the other commands find it.

    Attributes:
        dir: The data set folder that `train`, `tune`, `evaluate` and `export-tflite` read.
        root: Where its pictures are now; empty where dataset.json says so rightly.
        seed: Decides the split, and the look of drawn capsules; at least 0.
        val: Share of the pictures of each class that tunes decisions; in [0, 1).
        test: Share of the pictures of each class that only `evaluate` sees; in [0, 1), and both
            together below 1.
        folds: Number of cross-validation folds written beside the split, at least 2; 0 for none.
        count: How many capsules `prepare drawn` draws; at least 1.
        size: Side of drawn pictures, in pixels; at least 200.
    """

    dir: str = "data/capsule"
    root: str = ""
    seed: int = 0
    val: float = 0.15
    test: float = 0.15
    folds: int = 0
    count: int = 24
    size: int = 1000

    def __post_init__(self) -> None:
        """Raises ValueError if a share or count is impossible."""
        require_range("data.val", self.val, at_least=0, below=1)
        require_range("data.test", self.test, at_least=0, below=1)
        require_range("data.val + data.test", round(self.val + self.test, 9), below=1)
        if self.folds < 0 or self.folds == 1:
            raise ValueError(f"data.folds is {self.folds}, but must be 0 (no folds) or at least 2.")
        require_range("data.seed", self.seed, at_least=0)
        require_range("data.count", self.count, at_least=1)
        require_range("data.size", self.size, at_least=200)


@dataclass(frozen=True)
class ExportSettings:
    """A conversion to TFLite.

    Attributes:
        format: One of `QUANTIZATIONS`.
        calibration: Number of training pictures the int8 ranges are measured on; at least 1.
        min_agreement: Least share of pictures on which both models must give the same label; in
            [0, 1].
        max_dice_drop: Most that Dice may fall; in [0, 1].
        cross_validation: Folder that `evaluate` wrote of a study of the same recipe and pictures,
            for a network trained on all of them: its operating point and metrics go into the file.
            Empty to choose on the validation split and measure on the test split.
    """

    format: str = "int8"
    calibration: int = 120
    min_agreement: float = 0.98
    max_dice_drop: float = 0.02
    cross_validation: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError if the format is unknown or a limit impossible."""
        require_choice("export.format", self.format, QUANTIZATIONS)
        require_range("export.calibration", self.calibration, at_least=1)
        require_range("export.min_agreement", self.min_agreement, at_least=0, at_most=1)
        require_range("export.max_dice_drop", self.max_dice_drop, at_least=0, at_most=1)


_COARSEST_STRIDE = 32
"""Window pixels to a side of a pixel of the encoder's last features."""


@dataclass(frozen=True)
class ModelSettings:
    """The network.

    Attributes:
        encoder: Name of the encoder, one of `model.encoders.ENCODERS`; checked when a run is begun.
        weights: `imagenet`, `none`, or the path of a `.weights.h5` file of the whole network.
        roi: The window the network sees; its sides are multiples of 32 pixels.
        decoder_filters: Channels of the decoder's levels, at least 1, from stride 16 to finer
            ones; at least two levels. The mask is enlarged from the last.
        decoder_dropout: Share of the channels dropped after each level in training; in [0, 1).
        mask_stride: Window pixels to a side of a mask pixel: 1 or 2.
        head: The label head, one of `LABEL_HEADS`.
        head_units: Hidden units of the label head's layers, at least 1; at least one layer.
        head_dropout: Share of them dropped in training; in [0, 1).
        head_l2: L2 penalty on the linear layers of the head `region`; at least 0.
    """

    encoder: str = "efficientnet_lite0"
    weights: str = "imagenet"
    roi: Roi = field(default_factory=Roi)
    decoder_filters: list[int] = field(default_factory=lambda: [192, 96, 64])
    decoder_dropout: float = 0.0
    mask_stride: int = 2
    head: str = "region"
    head_units: list[int] = field(default_factory=lambda: [128])
    head_dropout: float = 0.3
    head_l2: float = 0.005

    def __post_init__(self) -> None:
        """Raises ValueError if window, decoder or head are impossible."""
        for name, side in (("width", self.roi.width), ("height", self.roi.height)):
            if side % _COARSEST_STRIDE:
                raise ValueError(
                    f"model.roi.{name} is {side}, but must be divisible by {_COARSEST_STRIDE}."
                )
        if len(self.decoder_filters) < 2 or min(self.decoder_filters) < 1:
            raise ValueError(
                f"model.decoder_filters is {self.decoder_filters}, but must name at least two "
                "levels of at least 1 channel."
            )
        require_range("model.decoder_dropout", self.decoder_dropout, at_least=0, below=1)
        if self.mask_stride not in (1, 2):
            raise ValueError(f"model.mask_stride is {self.mask_stride}, but must be 1 or 2.")
        require_choice("model.head", self.head, LABEL_HEADS)
        if not self.head_units or min(self.head_units) < 1:
            raise ValueError(
                f"model.head_units is {self.head_units}, but must name at least one layer of at "
                "least 1 unit."
            )
        require_range("model.head_dropout", self.head_dropout, at_least=0, below=1)
        require_range("model.head_l2", self.head_l2, at_least=0)


@dataclass(frozen=True)
class PredictSettings:
    """Limits and resources of `predict`; `evaluate` uses the threads.

    Attributes:
        threads: Threads of the runtime; at least 1.
        max_megapixels: Larger pictures are refused before they are decoded; above 0, at most 10000.
    """

    threads: int = 1
    max_megapixels: float = 100.0

    def __post_init__(self) -> None:
        """Raises ValueError if a limit is impossible."""
        require_range("predict.threads", self.threads, at_least=1)
        require_range("predict.max_megapixels", self.max_megapixels, above=0, at_most=10_000)


AUTO = "auto"
"""Stands for the policy of the network, and for `best_f1` where it has none yet."""


@dataclass(frozen=True)
class ThresholdSettings:
    """What the threshold of the defect score is chosen for.

    Attributes:
        policy: `best_f1` (as few mistakes as possible), `max_miss_rate` (the fewest false alarms
            with no more than `value` of the defects missed) or `auto` (what the network was trained
            with; in training, `best_f1`).
        value: Share of the defective pictures that may be missed, in [0, 1).
    """

    policy: str = AUTO
    value: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError if policy and value do not go together."""
        require_choice("threshold.policy", self.policy, (AUTO, *POLICIES))
        require_range("threshold.value", self.value, at_least=0, below=1)
        if self.value and self.policy != "max_miss_rate":
            raise ValueError("threshold.value is for threshold.policy=max_miss_rate alone.")

    def resolve(self, earlier: "OperatingPoint") -> "ThresholdSettings":
        """Returns these settings, with those of an earlier choice in the place of `auto`."""
        if self.policy != AUTO:
            return self
        return ThresholdSettings(earlier.policy, earlier.policy_value)


@dataclass(frozen=True)
class AugmentSettings:
    """How far training crops are varied; every range is symmetric about no change.

    Attributes:
        rotate: Degrees; at least 0.
        scale: Share of the size; in [0, 1].
        shift_x: Window pixels along the capsule; at least 0.
        shift_y: Window pixels across it; at least 0.
        flip: Probability of a mirror image across the long axis.
        gamma: Factor; 1.25 means from 0.8 to 1.25; at least 1.
        contrast: Share of the contrast; in [0, 1].
        brightness: Share of full white; at least 0.
        cast: Share by which each colour channel is scaled; in [0, 1].
        blur: Probability of a slight blur.
        noise: Probability of sensor noise.
    """

    rotate: float = 4.0
    scale: float = 0.07
    shift_x: int = 16
    shift_y: int = 10
    flip: float = 0.5
    gamma: float = 1.25
    contrast: float = 0.15
    brightness: float = 0.08
    cast: float = 0.05
    blur: float = 0.2
    noise: float = 0.3

    def __post_init__(self) -> None:
        """Raises ValueError if a range is impossible."""
        for name in ("rotate", "shift_x", "shift_y", "brightness"):
            require_range(f"train.augment.{name}", getattr(self, name), at_least=0)
        for name in ("scale", "flip", "contrast", "cast", "blur", "noise"):
            require_range(f"train.augment.{name}", getattr(self, name), at_least=0, at_most=1)
        require_range("train.augment.gamma", self.gamma, at_least=1)


_SEEDS = 2**32
"""How many seeds there are; NumPy and Keras take no higher ones."""


@dataclass(frozen=True)
class TrainSettings:
    """One training run, or with folds a study of several.

    Attributes:
        frozen_epochs: Epochs before the others in which the encoder stays as it is; 0 for none.
        frozen_learning_rate: Peak learning rate of decoder and heads in them; above 0.
        epochs: Number of epochs in which everything is trained; each ends with a checkpoint. At
            least 1.
        steps: Batches per epoch; at least 1.
        batch_size: Crops per batch, half good, half defective; at least 1.
        schedule: `one_cycle` (rises, then falls to 0 in each stage) or `constant`.
        learning_rate: Peak learning rate of decoder and heads; above 0.
        encoder_learning_rate: The same for the encoder; 0 keeps the pretrained weights as they are.
        clipnorm: Largest norm of each gradient; 0 for any.
        weight_decay: Decoupled weight decay of AdamW; at least 0.
        average_momentum: Momentum of the exponential moving average of the weights, per step; in
            [0, 1).
        label_smoothing: Share of the label's probability spread over all classes; in [0, 1).
        mask_loss: `classes` (weighted cross-entropy, and Dice on defective pictures) or
            `any_defect` (binary cross-entropy and Dice).
        defect_weight: Weight of defect pixels in the cross-entropy of `classes`; above 0.
        transplant: Probability that a good crop gets a defect cut from another training crop.
        drawn: Number of drawn capsules used beside the training pictures; at least 0.
        drawn_share: Share of each batch taken from the drawn capsules; in [0, 1].
        validate_every: Epochs between validations, at least 1; the last epoch is always validated.
        patience: Validations without a better score after which training stops and the best
            weights are kept; 0 to train to the end and keep the last averaged weights.
        folds: Number of cross-validation folds, each left out once, at least 2; 0 for a single run.
        seeds: Number of runs per fold, with seeds from `seed` on, all below 2**32; at least 1.
        seed: Decides initial weights, sampling and augmentation; in [0, 2**32).
        augment: Augmentation ranges.
        resume: A run folder to go on with; empty for a new run.
    """

    frozen_epochs: int = 0
    frozen_learning_rate: float = 1.5e-3
    epochs: int = 24
    steps: int = 50
    batch_size: int = 8
    schedule: str = "one_cycle"
    learning_rate: float = 4e-3
    encoder_learning_rate: float = 0.0
    clipnorm: float = 0.0
    weight_decay: float = 1e-2
    average_momentum: float = 0.99
    label_smoothing: float = 0.05
    mask_loss: str = "classes"
    defect_weight: float = 3.0
    transplant: float = 0.5
    drawn: int = 160
    drawn_share: float = 0.25
    validate_every: int = 8
    patience: int = 0
    folds: int = 0
    seeds: int = 1
    seed: int = 0
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    resume: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError if a setting is impossible."""
        for name in ("epochs", "steps", "batch_size", "validate_every", "seeds"):
            require_range(f"train.{name}", getattr(self, name), at_least=1)
        for name in ("learning_rate", "frozen_learning_rate", "defect_weight"):
            require_range(f"train.{name}", getattr(self, name), above=0)
        for name in ("frozen_epochs", "encoder_learning_rate", "clipnorm", "weight_decay"):
            require_range(f"train.{name}", getattr(self, name), at_least=0)
        for name in ("drawn", "patience"):
            require_range(f"train.{name}", getattr(self, name), at_least=0)
        for name in ("transplant", "drawn_share"):
            require_range(f"train.{name}", getattr(self, name), at_least=0, at_most=1)
        for name in ("label_smoothing", "average_momentum"):
            require_range(f"train.{name}", getattr(self, name), at_least=0, below=1)
        require_choice("train.schedule", self.schedule, SCHEDULES)
        require_choice("train.mask_loss", self.mask_loss, MASK_LOSSES)
        self._check_runs()

    def _check_runs(self) -> None:
        if self.folds < 0 or self.folds == 1:
            raise ValueError(
                f"train.folds is {self.folds}, but must be 0 (a single run) or at least 2."
            )
        if self.seeds > 1 and not self.folds:
            raise ValueError("train.seeds counts the runs of each fold; it needs train.folds.")
        require_range("train.seed", self.seed, at_least=0, below=_SEEDS)
        require_range("train.seed + train.seeds", self.seed + self.seeds, at_most=_SEEDS)


@dataclass(frozen=True)
class TuneSettings:
    """A hyper-parameter search.

    Attributes:
        trials: Number of trials the study shall have in all, pruned ones included; at least 1.
        epochs: Epochs of each trial in which everything is trained; at least 1.
        pruner: `median` stops a trial whose best score so far is below the median of the finished
            trials at that epoch; `none` stops none.
        startup_trials: Trials that are drawn at random, and finished trials before any is pruned;
            at least 0.
        warmup_epochs: Epochs of each trial after which it is not pruned yet; at least 0.
        seed: Decides what is drawn; at least 0.
        study: Name of the study; not empty.
        storage: SQLAlchemy URL of a database; empty for `study.db` in the run folder.
        resume: A run folder whose study goes on; empty for a new one.
    """

    trials: int = 8
    epochs: int = 6
    pruner: str = "median"
    startup_trials: int = 4
    warmup_epochs: int = 2
    seed: int = 0
    study: str = "capsule-inspect"
    storage: str = ""
    resume: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError if a setting is impossible."""
        for name in ("trials", "epochs"):
            require_range(f"tune.{name}", getattr(self, name), at_least=1)
        for name in ("startup_trials", "warmup_epochs", "seed"):
            require_range(f"tune.{name}", getattr(self, name), at_least=0)
        require_choice("tune.pruner", self.pruner, PRUNERS)
        if not self.study:
            raise ValueError("tune.study must have a name.")


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
