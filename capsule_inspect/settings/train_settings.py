"""The settings of a training run."""

from dataclasses import dataclass, field

from capsule_inspect.allowed import require_choice, require_range
from capsule_inspect.settings.augment_settings import AugmentSettings

SCHEDULES = ("one_cycle", "constant")
"""What `train.schedule` can be."""

MASK_LOSSES = ("classes", "any_defect")
"""What `train.mask_loss` can be."""

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
