"""The guard: what every request passes on its way in and every answer on its way out."""

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol
from uuid import uuid4

from anyio import fail_after
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from capsule_inspect.serving.access import SECURITY_HEADERS, require_access
from capsule_inspect.serving.options import ServeOptions
from capsule_inspect.serving.problems import (
    ClientGoneError,
    ProblemError,
    problem_response,
    server_failed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG = logging.getLogger("capsule_inspect.serving")
"""The log of the server; a record of a request has its facts in `request`."""

_CLIENT_GONE = 499
"""The status under which a request is counted whose client left, as nginx does."""


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_MAX_LOGGED_PATH: Final = 500

_PIECE_BYTES: Final = 64 * 1024
"""An answer goes out in pieces of this size. Each waits until the client has read the one before,
so a client that does not read is noticed, and holds no more than this."""


def _path_of(scope: Scope) -> str:
    """Returns the path of a request, also of one to a whole URL, as proxies get them."""
    path: str = scope["path"]
    if not path.startswith(("http://", "https://")):
        return path
    return "/" + path.split("/", 3)[3] if path.count("/") > 2 else "/"


def _method_of(scope: Scope) -> str:
    """Returns the method to answer; the server leaves out the body of an answer to HEAD."""
    return "GET" if scope["method"] == "HEAD" else str(scope["method"])


class RequestCounter(Protocol):
    """Counts the requests."""

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts one.

        Args:
            route: The route that answered it.
            method: Its method.
            status: The status of the answer.
            seconds: How long it took.
        """


class Guard:
    """Checks access, turns errors into problem documents, and counts and logs every request.

    Args:
        app: The application.
        options: The rules of access, and the seconds a client may take to read.
        metrics: Counts the requests.
    """

    def __init__(self, app: ASGIApp, options: ServeOptions, metrics: RequestCounter) -> None:
        self._app = app
        self._options = options
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request; passes on the messages of the server's start and end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, request_id = perf_counter(), str(uuid4())
        answer = _Answer(send, request_id, self._options.timeout)
        seen = {**scope, "path": _path_of(scope), "method": _method_of(scope)}
        seen.setdefault("state", {})["request_id"] = request_id
        try:
            await self._answer(seen, receive, answer)
        finally:
            self._record(seen, scope["method"], answer, perf_counter() - start)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        problem = None
        try:
            require_access(scope, self._options)
            await self._app(scope, receive, answer.send)
        except ClientGoneError:
            answer.status = _CLIENT_GONE
        except ProblemError as error:
            problem = error
        except asyncio.CancelledError:  # the time to shut down is over
            problem = ProblemError(503, "The server has shut down.", {"Retry-After": "5"})
        except Exception:
            LOG.exception("A request failed: %s", answer.request_id)
            problem = server_failed(answer.request_id)
        if problem is None or answer.is_complete:
            return
        if answer.status:  # so that nobody takes what was sent for the whole
            raise ConnectionAbortedError(answer.request_id)
        await problem_response(problem, answer.request_id)(scope, receive, answer.send)

    def _record(self, scope: Scope, method: str, answer: "_Answer", seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        status = answer.status or _CLIENT_GONE
        # Not as it is: a client could make a series of each method that it invents.
        counted = method if method in _METHODS else "other"
        self._metrics.count_request(route, counted, status, seconds)
        facts: Mapping[str, object] = {
            "id": answer.request_id,
            "method": counted,
            "path": scope["path"][:_MAX_LOGGED_PATH],
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "client": (scope.get("client") or ("",))[0],
            **scope.get("state", {}).get("facts", {}),
        }
        LOG.info("request", extra={"request": facts})


class _Answer:
    """An answer on its way out.

    Args:
        send: Sends a message to the client.
        request_id: The id of the request.
        timeout: Seconds the client may take to read a piece of it.

    Attributes:
        status: Its status; 0 before it begins.
        is_complete: Whether its last piece was sent.
    """

    def __init__(self, send: Send, request_id: str, timeout: float) -> None:
        self.request_id = request_id
        self.status = 0
        self.is_complete = False
        self._send = send
        self._timeout = timeout

    async def send(self, message: Message) -> None:
        """Sends a message, with the headers of every answer.

        Raises:
            ClientGoneError: The client does not read.
        """
        if message["type"] == "http.response.start":
            self.status = message["status"]
            added = {**SECURITY_HEADERS, "X-Request-ID": self.request_id}
            message["headers"] = [
                *message.get("headers", ()),
                *((name.lower().encode(), value.encode()) for name, value in added.items()),
            ]
        if message["type"] == "http.response.body":
            await self._send_body(message)
        else:
            await self._send_soon(message)

    async def _send_body(self, message: Message) -> None:
        body, is_last = message.get("body", b""), not message.get("more_body", False)
        for start in range(0, len(body) or 1, _PIECE_BYTES):
            piece = body[start : start + _PIECE_BYTES]
            more = not is_last or start + _PIECE_BYTES < len(body)
            await self._send_soon({"type": message["type"], "body": piece, "more_body": more})
        self.is_complete = is_last

    async def _send_soon(self, message: Message) -> None:
        try:
            with fail_after(self._timeout):
                await self._send(message)
        except TimeoutError:
            raise ClientGoneError from None
