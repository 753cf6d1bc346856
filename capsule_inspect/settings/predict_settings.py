"""The settings of prediction."""

from dataclasses import dataclass

from capsule_inspect.allowed import require_range


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
