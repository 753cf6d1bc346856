"""The errors that are allowed where people review doubtful pictures."""

from dataclasses import dataclass

from capsule_inspect.choices import AUTO_REVIEW, NO_REVIEW


@dataclass(frozen=True)
class ReviewRates:
    """The errors that are allowed without a person.

    Attributes:
        miss_rate: Share of the defective pictures that may be accepted; in [0, 1).
        false_alarm_rate: Share of the good pictures that may be rejected; in [0, 1).
    """

    miss_rate: float
    false_alarm_rate: float


def parse_review_rates(text: str) -> ReviewRates | None:
    """Reads the setting `threshold.review`: a word, one share for both rates, or two.

    Returns:
        The rates; None for a word.

    Raises:
        ValueError: It is none of these.

    Example:
        >>> parse_review_rates("0.005,0.01")
        ReviewRates(miss_rate=0.005, false_alarm_rate=0.01)
        >>> parse_review_rates("none")
    """
    if text in {AUTO_REVIEW, NO_REVIEW}:
        return None
    try:
        rates = [float(rate) for rate in text.split(",")]
    except ValueError:
        rates = []
    if not 1 <= len(rates) <= 2 or not all(0 <= rate < 1 for rate in rates):
        raise ValueError(
            f"threshold.review is '{text}', but must be {NO_REVIEW}, {AUTO_REVIEW}, a share such "
            "as 0.01, or two, of defects accepted and of good ones rejected, such as 0.005,0.01."
        )
    return ReviewRates(rates[0], rates[-1])
