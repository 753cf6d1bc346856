"""The server: it listens, keeps slow clients in bounds, logs, and ends in order."""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Final
from uuid import uuid4

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from capsule_inspect.errors import UsageError
from capsule_inspect.serving.guard import LOG
from capsule_inspect.serving.options import LogFormat, ServeOptions
from capsule_inspect.serving.problems import ProblemError, problem_response
from capsule_inspect.serving.workers import Workers
from capsule_inspect.text import on_one_line

_HEADER_SECONDS: Final = 10.0
"""Seconds a client has to send the header of a request."""

_KEEP_ALIVE_SECONDS: Final = 15
"""Seconds a connection may idle between requests."""

_MAX_HEADER_BYTES: Final = 32 * 1024

_MAX_IGNORED_BYTES: Final = 16 * 2**20
"""Bytes of a body to read on after an answer that did not need it. Closing at once could lose the
answer on its way; reading without end would let a client keep the connection busy."""

_SHUTDOWN_MARGIN: Final = 1.0
"""Seconds of the time to shut down that are kept for the last steps."""


class _Connection(H11Protocol):
    """A connection that closes when its client is too slow with headers, or sends on and on."""

    _deadline: asyncio.TimerHandle | None = None
    _ignored = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_header()

    def data_received(self, data: bytes) -> None:
        was_idle = self.conn.their_state is h11.IDLE
        if self._is_answered:
            self._ignored += len(data)
            if self._ignored > _MAX_IGNORED_BYTES:
                self.transport.abort()
                return
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and was_idle:
            self._expect_header()
        elif self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP with a problem document."""
        body = problem_response(ProblemError(400, msg), str(uuid4()))
        headers = [*body.raw_headers, (b"connection", b"close")]
        for event in (
            h11.Response(status_code=400, headers=headers),
            h11.Data(data=bytes(body.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    @property
    def _is_answered(self) -> bool:
        """Whether the answer was sent before the request had ended."""
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def _expect_header(self) -> None:
        if self._deadline is None:
            seconds = min(_HEADER_SECONDS, self.config.timeout_graceful_shutdown or _HEADER_SECONDS)
            self._deadline = self.loop.call_later(seconds, self.transport.abort)


class _Server(uvicorn.Server):
    """A server that says when it is ready, drains on a signal, and ends with code 0.

    Args:
        config: Uvicorn's configuration.
        workers: Refuse new requests once a signal came.
        on_ready: Called with the port once it listens.
    """

    def __init__(
        self, config: uvicorn.Config, workers: Workers, on_ready: Callable[[int], None]
    ) -> None:
        super().__init__(config)
        self._workers = workers
        self._on_ready = on_ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._on_ready(self.servers[0].sockets[0].getsockname()[1])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Uvicorn's would raise the signal again at the end, and the process not end with 0.
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, self._drain) for each in signals}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _drain(self, number: int, _frame: object) -> None:
        LOG.info("%s: finishing what has begun.", signal.Signals(number).name)
        self._workers.is_draining = True
        self.should_exit = True


def run_server(
    app: ASGIApp, options: ServeOptions, workers: Workers, on_ready: Callable[[str], None]
) -> None:
    """Serves until SIGINT or SIGTERM; then finishes what has begun.

    Args:
        app: The application.
        options: Where and how.
        workers: They refuse requests once the server ends.
        on_ready: Called with the address once the server listens.

    Raises:
        UsageError: The address cannot be listened on.
    """
    _log_to_stderr(options.log_format)
    _allow_many_connections()
    config = uvicorn.Config(
        app,
        host=options.host.strip("[]"),
        port=options.port,
        http=_Connection,
        ws="none",
        lifespan="on",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        root_path=options.root_path,
        ssl_certfile=options.tls_cert,
        ssl_keyfile=options.tls_key,
        backlog=1024,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, int(options.timeout - _SHUTDOWN_MARGIN)),
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
    )
    scheme = "https" if options.tls_cert else "http"
    host = f"[{config.host}]" if ":" in config.host else config.host

    def announce(port: int) -> None:
        address = f"{scheme}://{host}:{port}{options.root_path}"
        if options.log_format == "json":
            LOG.info("Ready: %s", address)
        on_ready(address)

    server = _Server(config, workers, announce)
    try:
        server.run()
    except SystemExit:
        raise UsageError(
            f"The server cannot listen on {host}, port {options.port}: the log says why. Choose "
            "another --port or --host."
        ) from None


def _allow_many_connections() -> None:
    """Raises the number of open files from its usual 1,024 to the most that is allowed."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _TextFormatter(logging.Formatter):
    """Writes lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        request: Mapping[str, object] | None = getattr(record, "request", None)
        if request is None:
            return super().format(record)
        told = f"{request['method']} {request['path']} {request['status']}"
        rest = {key: value for key, value in request.items() if key not in told_apart}
        facts = " ".join(f"{key}={value}" for key, value in rest.items())
        time = self.formatTime(record)
        return on_one_line(f"{time} {record.levelname} {told} {facts}")


told_apart = frozenset({"method", "path", "status"})


class _JsonFormatter(logging.Formatter):
    """Writes one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        document = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname,
            "message": record.getMessage(),
            **getattr(record, "request", {}),
        }
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        return json.dumps(document)


def _log_to_stderr(log_format: LogFormat) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _JsonFormatter()
        if log_format == "json"
        else _TextFormatter("%(asctime)s %(levelname)s %(message)s")
    )
    for log, level in ((LOG, logging.INFO), (logging.getLogger("uvicorn"), logging.WARNING)):
        log.handlers = [handler]
        log.setLevel(level)
        log.propagate = False
