"""The settings of the network."""

from dataclasses import dataclass, field

from capsule_inspect.allowed import require_choice, require_range
from capsule_inspect.imaging.roi import Roi

LABEL_HEADS = ("region", "views", "mask_pooling")
"""What `model.head` can be."""

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
