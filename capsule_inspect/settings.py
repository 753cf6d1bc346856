"""Typed settings; `compose.py` fills them from the YAML files in `conf/` and from overrides.

The dataclasses carry the defaults, so that a command without overrides never imports Hydra; a test
holds the YAML files against them.
"""

from dataclasses import dataclass, field

from capsule_inspect.data_settings import DataSettings
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.space_settings import SpaceSettings
from capsule_inspect.threshold_settings import ThresholdSettings
from capsule_inspect.tune_settings import TuneSettings

SCHEDULES = ("one_cycle", "constant")
"""What `train.schedule` can be."""

MASK_LOSSES = ("classes", "any_defect")
"""What `train.mask_loss` can be."""


@dataclass(frozen=True)
class ModelSettings:
    """The network.

    Attributes:
        encoder: Name of the encoder, as `model.encoders.ENCODERS` lists them.
        weights: `imagenet`, `none`, or the path of a `.weights.h5` file of the whole network.
        roi: The window the network sees.
        decoder_filters: Channels of the decoder's levels, from stride 16 to finer ones; at least
            two. The mask is enlarged from the last.
        decoder_dropout: Share of the channels dropped after each level in training; in [0, 1).
        mask_stride: Window pixels to a side of a mask pixel: 1 or 2.
        head: The label head, as `model.heads.HEADS` lists them.
        head_units: Hidden units of the label head's layers.
        head_dropout: Share of them dropped in training; in [0, 1).
        head_l2: L2 penalty on the linear layers of the head `region`.
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
        """Raises ValueError if decoder or head are impossible."""
        if not self.head_units or min(self.head_units) < 1:
            raise ValueError("model.head_units must name at least one layer of at least 1 unit.")
        if len(self.decoder_filters) < 2 or min(self.decoder_filters) < 1:
            raise ValueError("model.decoder_filters must name at least two levels of 1 or more.")
        if not (0 <= self.head_dropout < 1 and 0 <= self.decoder_dropout < 1):
            raise ValueError("model.head_dropout and decoder_dropout must lie in [0, 1).")
        if self.head_l2 < 0:
            raise ValueError("model.head_l2 must be at least 0.")
        if self.mask_stride not in (1, 2):
            raise ValueError("model.mask_stride must be 1 or 2.")


@dataclass(frozen=True)
class AugmentSettings:
    """How far training crops are varied; every range is symmetric about no change.

    Attributes:
        rotate: Degrees.
        scale: Share of the size.
        shift_x: Window pixels along the capsule.
        shift_y: Window pixels across it.
        flip: Probability of a mirror image across the long axis.
        gamma: Factor; 1.25 means from 0.8 to 1.25.
        contrast: Share of the contrast.
        brightness: Share of full white.
        cast: Share by which each colour channel is scaled.
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
        spans = (self.rotate, self.shift_x, self.shift_y, self.brightness)
        shares = (self.flip, self.blur, self.noise, self.scale, self.contrast, self.cast)
        if min(spans) < 0 or min(shares) < 0 or max(shares) > 1 or self.gamma < 1:
            raise ValueError(
                "train.augment: ranges must be at least 0, shares and probabilities at most 1, "
                "and gamma at least 1."
            )


@dataclass(frozen=True)
class TrainSettings:
    """One training run, or with folds a study of several.

    Attributes:
        frozen_epochs: Epochs before the others in which the encoder stays as it is; 0 for none.
        frozen_learning_rate: Peak learning rate of decoder and heads in them.
        epochs: Number of epochs in which everything is trained; each ends with a checkpoint.
        steps: Batches per epoch.
        batch_size: Crops per batch: half good, half defective.
        schedule: `one_cycle` (rises, then falls to 0 in each stage) or `constant`.
        learning_rate: Peak learning rate of decoder and heads.
        encoder_learning_rate: The same for the encoder; 0 keeps the pretrained weights as they are.
        clipnorm: Largest norm of each gradient; 0 for any.
        weight_decay: Decoupled weight decay of AdamW.
        average_momentum: Momentum of the exponential moving average of the weights, per step.
        label_smoothing: Share of the label's probability spread over all classes.
        mask_loss: `classes` (weighted cross-entropy, and Dice on defective pictures) or
            `any_defect` (binary cross-entropy and Dice).
        defect_weight: Weight of defect pixels in the cross-entropy of `classes`.
        transplant: Probability that a good crop gets a defect cut from another training crop.
        drawn: Number of drawn capsules used beside the training pictures.
        drawn_share: Share of each batch taken from the drawn capsules.
        validate_every: Epochs between validations; the last epoch is always validated.
        patience: Validations without a better score after which training stops and the best
            weights are kept; 0 to train to the end and keep the last averaged weights.
        folds: Number of cross-validation folds, each left out once; 0 for a single run.
        seeds: Number of runs per fold, with seeds from `seed` on.
        seed: Decides initial weights, sampling and augmentation.
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
        counts = (self.epochs, self.steps, self.batch_size, self.validate_every, self.seeds)
        if min(counts) < 1:
            raise ValueError(
                "train.epochs, steps, batch_size, validate_every and seeds must be at least 1."
            )
        if min(self.learning_rate, self.frozen_learning_rate, self.defect_weight) <= 0:
            raise ValueError(
                "train.learning_rate, frozen_learning_rate and defect_weight must be above 0."
            )
        optional = (self.seed, self.drawn, self.frozen_epochs, self.patience)
        if min(*optional, self.encoder_learning_rate, self.weight_decay, self.clipnorm) < 0:
            raise ValueError(
                "train.seed, drawn, frozen_epochs, patience, encoder_learning_rate, weight_decay "
                "and clipnorm must be at least 0."
            )
        if self.folds < 0 or self.folds == 1:
            raise ValueError("train.folds must be 0 (a single run) or at least 2.")
        if self.seeds > 1 and not self.folds:
            raise ValueError("train.seeds counts the runs of each fold; it needs train.folds.")
        if self.seed + self.seeds > 2**32:
            raise ValueError("train.seed must be below 4294967296.")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"train.schedule can be: {', '.join(SCHEDULES)}.")
        if self.mask_loss not in MASK_LOSSES:
            raise ValueError(f"train.mask_loss can be: {', '.join(MASK_LOSSES)}.")
        shares = (self.transplant, self.drawn_share, self.label_smoothing, self.average_momentum)
        if min(shares) < 0 or max(shares) > 1:
            raise ValueError(
                "train.transplant, drawn_share, label_smoothing and average_momentum must lie "
                "between 0 and 1."
            )


@dataclass(frozen=True)
class ExportSettings:
    """A conversion to TFLite.

    Attributes:
        format: `int8`, `float32`, `float16` or `dynamic`.
        calibration: Number of training pictures the int8 ranges are measured on.
        min_agreement: Least share of pictures on which both models must give the same label.
        max_dice_drop: Most that Dice may fall.
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
        """Raises ValueError if there is nothing to calibrate on."""
        if self.calibration < 1:
            raise ValueError("export.calibration must be at least 1.")


@dataclass(frozen=True)
class PredictSettings:
    """Limits and resources of `predict`; `evaluate` uses the threads.

    Attributes:
        threads: Threads of the runtime.
        max_megapixels: Larger pictures are refused before they are decoded.
    """

    threads: int = 1
    max_megapixels: float = 100.0

    def __post_init__(self) -> None:
        """Raises ValueError if a limit is impossible."""
        if self.threads < 1:
            raise ValueError("predict.threads must be at least 1.")
        if not 0 < self.max_megapixels <= 10_000:
            raise ValueError("predict.max_megapixels must be above 0 and at most 10000.")


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
