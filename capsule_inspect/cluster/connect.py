"""Connect to a Dask scheduler, or start worker processes on this machine."""

import atexit
import importlib.util
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.request import urlopen

from capsule_inspect.errors import ClusterError, MissingExtraError, UsageError
from capsule_inspect.reporter import Reporter
from capsule_inspect.text import counted

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

LOCAL: Final = "local"
"""In the place of an address: worker processes on this machine."""

_ADDRESS: Final = re.compile(r"((?:tcp|tls|ws|wss)://)?(\[[\da-fA-F:]+\]|[^\s/:\[\]]+):\d{1,5}/?")

_CONNECT_SECONDS: Final = 10
_DASHBOARD_SECONDS: Final = 2
WORKER_SECONDS: Final = 60
"""How long to wait for a worker, at the start and whenever none is left."""


def require_scheduler(scheduler: str, jobs: int | None, said_by: str = "--scheduler") -> None:
    """Checks, before the work, what names a scheduler, and that Dask is installed.

    Args:
        scheduler: `local`, or an address such as `tcp://host:8786`.
        jobs: How many worker processes to start for `local`, if that is given.
        said_by: What names it: the option, or a variable of the environment.

    Raises:
        UsageError: It is neither, or there are jobs beside an address.
        MissingExtraError: Dask is not installed.
    """
    if scheduler != LOCAL and not _ADDRESS.fullmatch(scheduler):
        where = "" if said_by == "--scheduler" else f" in {said_by}"
        raise UsageError(
            f"'{scheduler}'{where} is no address of a scheduler. Give one such as tcp://host:8786, "
            f"or '{LOCAL}' for worker processes on this machine."
        )
    if scheduler != LOCAL and jobs is not None:
        leave_out = "Leave out --jobs"
        leave_out += "" if said_by == "--scheduler" else ", or unset the variable"
        raise UsageError(
            "--jobs counts what this machine does at the same time, and with "
            f"{said_by} the workers have the threads they were started with. {leave_out}."
        )
    if importlib.util.find_spec("distributed") is None:
        raise MissingExtraError(
            "--scheduler needs packages that the light install leaves out (distributed). Run: pip "
            "install 'capsule-inspect[cluster]'"
        )


@contextmanager
def connect(scheduler: str, jobs: int, reporter: Reporter) -> Iterator["Client"]:
    """Connects to a scheduler, waits for a worker, and says what is there.

    Args:
        scheduler: `local`, or an address.
        jobs: How many worker processes to start for `local`; at least 1.
        reporter: Told how many workers there are, and where the dashboard is.

    Yields:
        The client of Dask.

    Raises:
        ClusterError: No scheduler answers there, or it has no worker in a minute.
    """
    from distributed import TimeoutError as WaitedError  # Python 3.10 has several of the name

    with _without_log_lines(), _client(scheduler, jobs) as client:
        address = client.scheduler.address
        if not client.nthreads():
            reporter.say(f"The scheduler at {address} has no worker yet. Waiting for one.")
        try:
            client.wait_for_workers(1 if scheduler != LOCAL else jobs, timeout=WORKER_SECONDS)
        except WaitedError:
            raise no_workers(address) from None
        threads = client.nthreads().values()
        reporter.say(
            f"Scheduler {address}: {counted(len(threads), 'worker')}, "
            f"{counted(sum(threads), 'thread')}."
        )
        if link := _dashboard(client):
            reporter.say(f"Dashboard: {link}")
        yield client


def no_workers(address: str) -> ClusterError:
    """Returns the error for a scheduler without workers."""
    return ClusterError(
        f"The scheduler at {address} has had no worker for {WORKER_SECONDS} s. Start some with "
        f"`dask worker {address}`."
    )


@contextmanager
def _client(scheduler: str, jobs: int) -> Iterator["Client"]:
    """Yields a client; always for an address, or Dask would start a cluster unasked."""
    import dask
    from distributed import Client
    from distributed import TimeoutError as WaitedError

    if scheduler != LOCAL:
        try:
            _require_tls_settings(scheduler)
            client = Client(scheduler.rstrip("/"), timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, WaitedError, ValueError) as error:
            raise ClusterError(
                f"No scheduler answers at {scheduler}. Check the address, and that `dask "
                "scheduler` runs there."
            ) from error
        with client:
            yield client
        return
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 10}),
        _start_workers(jobs) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _require_tls_settings(scheduler: str) -> None:
    """Makes sure that Dask has what an address with TLS needs; its own error names no setting.

    Raises:
        ClusterError: It has not.
        OSError: A file that its settings name cannot be read.
    """
    from distributed.security import Security

    args = Security().get_connection_args("client")
    if scheduler.startswith(("tls://", "wss://")) and args.get("ssl_context") is None:
        raise ClusterError(
            f"Dask's settings for TLS are missing on this machine, which {scheduler} needs. Set "
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, and DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT "
            "and __KEY, or the same keys in a file of ~/.config/dask."
        )


def _start_workers(jobs: int) -> "LocalCluster":
    """Starts worker processes on this machine.

    One that is interrupted here has half begun, and Dask fails to close it at exit. Its processes
    end with this one.
    """
    from distributed import LocalCluster
    from distributed.deploy.spec import close_clusters

    try:
        return LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
    except KeyboardInterrupt:
        atexit.unregister(close_clusters)
        raise


def _dashboard(client: "Client") -> str:
    """Returns the address of the dashboard; empty without one.

    Schedulers name one even if they lack the package that draws it.
    """
    if "dashboard" not in client.scheduler_info().get("services", {}):
        return ""
    link: str = client.dashboard_link
    try:
        with urlopen(link, timeout=_DASHBOARD_SECONDS) as page:  # noqa: S310  (the scheduler said so)
            return "" if page.read(99).startswith(b"<p>Dask needs bokeh") else link
    except (OSError, ValueError):
        return ""


@contextmanager
def _without_log_lines() -> Iterator[None]:
    """Keeps Dask's log off the terminal: what a person has to know is said in sentences."""
    import distributed  # noqa: F401  (it sets up its logs)

    logs = [
        log
        for name, log in logging.root.manager.loggerDict.items()
        if name.partition(".")[0] == "distributed" and isinstance(log, logging.Logger)
    ]
    before = [log.handlers for log in logs]
    for log in logs:
        log.handlers = [logging.NullHandler()]
    try:
        yield
    finally:
        for log, handlers in zip(logs, before, strict=True):
            log.handlers = handlers
