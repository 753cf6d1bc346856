"""The settings of the network."""

from dataclasses import dataclass, field

from capsule_inspect.imaging.roi import Roi


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
