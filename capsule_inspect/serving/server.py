"""The server: it listens, keeps slow clients in bounds, logs, and ends in order."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from capsule_inspect.errors import UsageError
from capsule_inspect.serving.access import SECURITY_HEADERS
from capsule_inspect.serving.guard import LOG
from capsule_inspect.serving.options import LogFormat, ServeOptions
from capsule_inspect.serving.problems import ProblemError, problem_response
from capsule_inspect.serving.workers import Workers

_IDLE_SECONDS: Final = 10
"""Seconds a connection may be without a request in work: before the first one, between two, while a
body arrives that the answer did not need, and while the last piece of an answer is sent."""

_LOOK_SECONDS: Final = 1.0
"""How often to look whether a connection idles."""

_MAX_HEADER_BYTES: Final = 32 * 1024

_LINGER_BYTES: Final = 16 * 2**20
"""Bytes to read on, beyond those of the largest request, after an answer that did not need the
body. Closing at once could lose the answer on its way; reading without end would let a client keep
the connection busy."""

_SHUTDOWN_MARGIN: Final = 1.0
"""Seconds of the time to shut down that are kept for the last steps."""


class _Connection(H11Protocol):
    """A connection that ends when its client is slow, or sends on and on.

    Uvicorn waits without end in some states: for the first header, for the rest of a body after the
    answer, and for a client to read.

    Args:
        options: Their limits.
        arguments: Uvicorn's own.
    """

    def __init__(self, options: ServeOptions, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._idle_seconds = min(_IDLE_SECONDS, options.timeout)
        self._max_ignored = options.max_bytes + _LINGER_BYTES
        self._ignoring: object = None
        self._ignored = 0
        self._idle_since = 0.0
        self._seen: object = None
        self._look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._look_again()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.cycle is not self._ignoring:
            self._ignoring, self._ignored = self.cycle, 0
        if self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY:
            self._ignored += len(data)  # the answer is sent already
            if self._ignored > self._max_ignored:
                self.transport.abort()
                return
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP with a problem document; ends the connection."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.abort()
            return
        answer = problem_response(ProblemError(400, msg), str(uuid4()))
        answer.headers.update({**SECURITY_HEADERS, "connection": "close"})
        for event in (
            h11.Response(status_code=400, headers=answer.raw_headers, reason=b"Bad Request"),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _look_again(self) -> None:
        """Aborts the connection if it has idled for too long; else looks again."""
        now = self.loop.time()
        is_working = (
            self.cycle is not None
            and not self.cycle.response_complete
            and not self.transport.is_closing()
        )
        if is_working or self.cycle is not self._seen:  # there was a request since the last look
            self._seen, self._idle_since = self.cycle, now
        elif now - self._idle_since > self._idle_seconds:
            self.transport.abort()
            return
        self._look = self.loop.call_later(_LOOK_SECONDS, self._look_again)


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
        self._workers.is_draining = True
        self.should_exit = True
        LOG.info("%s: finishing what has begun.", signal.Signals(number).name)


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
        http=partial(_Connection, options),  # type: ignore[arg-type]  # called like a class
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
        timeout_keep_alive=_IDLE_SECONDS,
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
    workers.close()
    if workers.is_busy:  # a picture in work would keep the process beyond its time
        logging.shutdown()
        os._exit(0)


def _allow_many_connections() -> None:
    """Raises the number of open files from its usual 1,024 to the most that is allowed."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _TextFormatter(logging.Formatter):
    """Writes lines for people; what a client sent is percent-encoded, so that it forges nothing."""

    def format(self, record: logging.LogRecord) -> str:
        request: Mapping[str, object] | None = getattr(record, "request", None)
        if request is None:
            return super().format(record)
        told = {key: quote(str(value), safe="/") for key, value in request.items()}
        first = [told.pop(name) for name in ("method", "path", "status")]
        facts = [f"{key}={value}" for key, value in told.items()]
        return " ".join([self.formatTime(record), record.levelname, *first, *facts])


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
