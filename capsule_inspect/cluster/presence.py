"""The workers that a scheduler has at the moment."""

from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Final

from capsule_inspect.cluster.connect import WORKER_SECONDS, no_workers
from capsule_inspect.errors import ClusterError
from capsule_inspect.reporter import Reporter

if TYPE_CHECKING:
    from distributed import Client

_ASK: Final = 2.0
"""Seconds between two questions for the workers that there are."""


class Presence:
    """Knows the workers of a scheduler, and when there have been none for too long.

    Args:
        client: The client of Dask.
        reporter: Warned when no worker is left.
    """

    def __init__(self, client: "Client", reporter: Reporter) -> None:
        self._client = client
        self._reporter = reporter
        self._address: str = client.scheduler.address
        self._known: Mapping[str, int] = {}
        self._asks_at = 0.0
        self._alone_since: float | None = None

    def threads(self) -> Mapping[str, int]:
        """Returns how many threads each worker has, by address; asks the scheduler now and then.

        Raises:
            ClusterError: The scheduler is lost, or has had no worker for too long.
        """
        now = monotonic()
        if now < self._asks_at:
            return self._known
        self._asks_at = now + _ASK
        try:
            self._known = dict(self._client.nthreads())
        except OSError:
            raise self.lost() from None
        if self._known:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
            self._reporter.warn(
                f"The scheduler at {self._address} has no worker left. Waiting for one."
            )
        elif now - self._alone_since > WORKER_SECONDS:
            raise no_workers(self._address)
        return self._known

    def lost(self) -> ClusterError:
        """Returns the error for a scheduler that is lost."""
        return ClusterError(f"The scheduler at {self._address} does not answer any more.")
