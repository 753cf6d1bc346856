"""What does not work now: each trouble is said once, and once more when it is over."""

from capsule_inspect.reporter import Reporter


class Troubles:
    """Keeps what does not work, so that a watch says it once and not every second.

    Args:
        reporter: Takes the sentences.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._now: dict[str, str] = {}

    @property
    def current(self) -> str:
        """All that does not work now, as sentences; empty if all does."""
        return " ".join(self._now.values())

    def tell(self, key: str, sentence: str) -> None:
        """Takes a trouble; it is said unless it was said already.

        Args:
            key: What does not work.
            sentence: Why.
        """
        if self._now.get(key) != sentence:
            self._now[key] = sentence
            self._reporter.warn(sentence)

    def warn(self, sentence: str) -> None:
        """Takes what happens in a moment and is over then."""
        self._reporter.warn(sentence)

    def mend(self, key: str, sentence: str = "") -> None:
        """Takes that something works; a sentence is said if it did not before."""
        if self._now.pop(key, None) is not None and sentence:
            self._reporter.say(sentence)
