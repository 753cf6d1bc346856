"""All settings; `compose.py` fills them from the YAML files in `conf/` and from overrides.

The dataclasses carry the defaults, so that a command without overrides never imports Hydra; a test
holds the YAML files against them.
"""

from dataclasses import dataclass, field

from capsule_inspect.settings.data_settings import DataSettings
from capsule_inspect.settings.export_settings import ExportSettings
from capsule_inspect.settings.model_settings import ModelSettings
from capsule_inspect.settings.predict_settings import PredictSettings
from capsule_inspect.settings.space_settings import SpaceSettings
from capsule_inspect.settings.threshold_settings import ThresholdSettings
from capsule_inspect.settings.train_settings import TrainSettings
from capsule_inspect.settings.tune_settings import TuneSettings


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
