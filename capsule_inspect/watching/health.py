"""Tells how a watch is: over HTTP if asked, and to systemd if that started it."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from capsule_inspect.errors import UsageError
from capsule_inspect.watching.counts import Counts

_SILENT_SECONDS: Final = 60.0
"""A watch that has noted no state for so long is stuck."""

_IDLE_SECONDS: Final = 10.0


class _Handler(BaseHTTPRequestHandler):
    """Answers `/health` and `/metrics`, and nothing else.

    Args:
        counts: What it shows.
        arguments: Those of the base class.
    """

    server_version = "capsule-inspect"
    sys_version = ""
    timeout = _IDLE_SECONDS

    def __init__(self, counts: Counts, *arguments: Any) -> None:
        self._counts = counts
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answers a request."""
        path = self.path.partition("?")[0]
        if path == "/health":
            state = self._counts.state
            is_stuck = time.monotonic() - state.heartbeat > _SILENT_SECONDS
            trouble = state.trouble or ("It is stuck." if is_stuck else "")
            document = {
                "status": "trouble" if trouble else "ok",
                "trouble": trouble,
                "pictures": self._counts.pictures,
                "waiting": state.waiting,
                "lag_seconds": round(state.lag, 3),
            }
            self._answer(503 if trouble else 200, "application/json", json.dumps(document))
        elif path == "/metrics":
            kind = "text/plain; version=0.0.4; charset=utf-8"
            self._answer(200, kind, self._counts.to_metrics())
        else:
            self._answer(404, "text/plain", "There are /health and /metrics.\n")

    def _answer(self, status: int, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Logs nothing: probes come every few seconds."""


class _Server(ThreadingHTTPServer):
    """A server whose clients may leave whenever they like."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Says nothing of a client that left."""


class HealthServer:
    """Serves `/health` and `/metrics` on this machine's own address until it is closed.

    Args:
        counts: What it shows.
        port: The port; 0 takes a free one.

    Attributes:
        address: Where it is.

    Raises:
        UsageError: The port is taken.
    """

    def __init__(self, counts: Counts, port: int) -> None:
        try:
            self._server = _Server(("127.0.0.1", port), partial(_Handler, counts))
        except OSError as error:
            raise UsageError(
                f"The watch cannot listen on port {port}: {error.strerror}. Choose another --port."
            ) from error
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Supervisor:
    """Tells systemd how the watch is, where systemd started it; else does nothing.

    It sends what `sd_notify` sends: datagrams to the socket that NOTIFY_SOCKET names.

    Args:
        variables: The variables of the environment.
        clock: The time, monotonic.
    """

    def __init__(
        self,
        variables: "os._Environ[str] | dict[str, str]" = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = variables.get("NOTIFY_SOCKET", "")
        self._clock = clock
        wanted = variables.get("WATCHDOG_USEC", "")
        # Half of the time, as sd_watchdog_enabled(3) recommends.
        self._pause = int(wanted) / 2e6 if wanted.isdecimal() else 10.0
        self._next = 0.0

    def ready(self) -> None:
        """Says that the watch has begun."""
        self._send("READY=1")

    def beat(self, status: str) -> None:
        """Says that the watch lives, and how it is; from time to time, however often called."""
        if self._clock() >= self._next:
            self._next = self._clock() + self._pause
            self._send(f"WATCHDOG=1\nSTATUS={' '.join(status.splitlines())}")

    def stopping(self) -> None:
        """Says that the watch ends."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with (
            suppress(OSError),  # systemd went away: the watch goes on
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
        ):
            notify.sendto(text.encode(), address)
