"""The guard: what every request passes on its way in and every answer on its way out."""

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from anyio import fail_after
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from capsule_inspect.serving.access import SECURITY_HEADERS, require_access
from capsule_inspect.serving.metrics import Metrics
from capsule_inspect.serving.options import ServeOptions
from capsule_inspect.serving.problems import ClientGoneError, ProblemError, problem_response

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG = logging.getLogger("capsule_inspect.serving")
"""The log of the server; a record of a request has its facts in `request`."""

_CLIENT_GONE = 499
"""The status under which a request is counted whose client left, as nginx does."""


class Guard:
    """Checks access, turns errors into problem documents, and counts and logs every request.

    Args:
        app: The application.
        options: The rules of access, and the seconds a client may take to read.
        metrics: Counts the requests.
    """

    def __init__(self, app: ASGIApp, options: ServeOptions, metrics: Metrics) -> None:
        self._app = app
        self._options = options
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request; passes on the messages of the server's start and end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, request_id = perf_counter(), str(uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id, self._options.timeout)
        try:
            await self._answer(scope, receive, answer)
        except asyncio.CancelledError:  # the time to shut down is over
            answer.status = answer.status if answer.is_complete else _CLIENT_GONE
            raise
        finally:
            self._record(scope, answer, perf_counter() - start)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            require_access(scope, self._options)
            await self._app(scope, receive, answer.send)
        except ClientGoneError:
            answer.status = _CLIENT_GONE
        except ProblemError as problem:
            await problem_response(problem, answer.request_id)(scope, receive, answer.send)
        except Exception:
            LOG.exception("A request failed: %s", answer.request_id)
            if not answer.is_complete:  # so that nobody takes what was sent for the whole
                raise ConnectionAbortedError(answer.request_id) from None

    def _record(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        status = answer.status or _CLIENT_GONE
        self._metrics.count_request(route, scope["method"], status, seconds)
        facts: Mapping[str, object] = {
            "id": answer.request_id,
            "method": scope["method"],
            "path": scope["path"],
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
        try:
            with fail_after(self._timeout):
                await self._send(message)
        except TimeoutError:
            raise ClientGoneError from None
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.is_complete = True
