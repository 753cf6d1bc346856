"""The settings of a training run."""

from dataclasses import dataclass, field

from capsule_inspect.settings.augment_settings import AugmentSettings

SCHEDULES = ("one_cycle", "constant")
"""What `train.schedule` can be."""

MASK_LOSSES = ("classes", "any_defect")
"""What `train.mask_loss` can be."""


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
