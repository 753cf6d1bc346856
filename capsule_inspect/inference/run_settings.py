"""What a run of `predict` is made with."""

import json
from dataclasses import asdict, dataclass

from capsule_inspect.inference.results_folder import MADE_BY


@dataclass(frozen=True)
class RunSettings:
    """All that decides the results of a run: it can be resumed with the same.

    The names are the keys of run.json.

    Attributes:
        version: Of this package.
        model: SHA-256 of the model's flatbuffer.
        classes: Class names in the model's order.
        temperature: Divides the label logits before the softmax.
        threshold: A capsule is good exactly where its defect score is below this.
        mask_threshold: A pixel is defect where its defect probability is at least this.
        overlays: Which pictures get an overlay.
        overlay_format: What overlays are written as.
        masks: Whether masks are written.
        max_pixels: Larger pictures are refused.
    """

    version: str
    model: str
    classes: tuple[str, ...]
    temperature: float
    threshold: float
    mask_threshold: float
    overlays: str
    overlay_format: str
    masks: bool
    max_pixels: int

    def to_json(self) -> bytes:
        """Returns the content of run.json."""
        document = {"made_by": MADE_BY, **asdict(self)}
        return f"{json.dumps(document, indent=2)}\n".encode()
