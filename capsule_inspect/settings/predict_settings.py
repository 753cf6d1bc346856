"""The settings of prediction."""

from dataclasses import dataclass


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
