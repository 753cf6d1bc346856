"""Problem documents: the errors of the API, as RFC 9457 defines them."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from starlette.responses import Response

PROBLEM_JSON = "application/problem+json"

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ProblemError(Exception):
    """A request that gets an error for an answer.

    Attributes:
        status: The HTTP status.
        detail: A sentence: what happened and what to do next.
        headers: Headers of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


class ClientGoneError(Exception):
    """The client has closed its connection; there is nobody to answer."""


def problem_response(problem: ProblemError, request_id: str) -> Response:
    """Returns the answer to a request that failed.

    Args:
        problem: What went wrong.
        request_id: The request's id, which is in the log as well.
    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:uuid:{request_id}",
    }
    return Response(
        json.dumps(document),
        problem.status,
        headers=dict(problem.headers),
        media_type=PROBLEM_JSON,
    )


def server_failed(request_id: str) -> ProblemError:
    """Returns the problem of a request that met an error nobody foresaw."""
    return ProblemError(500, f"The server failed. Its log tells more: look for {request_id}.")
