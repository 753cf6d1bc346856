"""Access: who may ask what, by token, host and origin; and the headers that protect the page."""

import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from capsule_inspect.serving.options import ServeOptions, is_address
from capsule_inspect.serving.problems import ProblemError
from capsule_inspect.text import printable

_OPEN: Final = ("/", "/docs", "/openapi.json", "/health/live", "/health/ready")
"""Paths that need no token: the page, which asks for one, and the probes."""

_OPEN_FOLDER: Final = "/static/"

SECURITY_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)
"""Headers of every answer."""


def require_access(scope: Scope, options: ServeOptions) -> None:
    """Refuses a request that the rules of access forbid.

    Raises:
        ProblemError: 400, the request is ambiguous or names another host; 401, the token is missing
            or wrong; 403, another site's page sent it.
    """
    headers = Headers(scope=scope)
    _require_one_length(headers)
    _require_host(headers, options)
    _require_same_site(scope["method"], headers)
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    if options.token is not None and path not in _OPEN and not path.startswith(_OPEN_FOLDER):
        _require_token(headers.get("authorization", ""), options.token)


def _require_one_length(headers: Headers) -> None:
    # A proxy in front could take the other one, and see another request than this server does.
    if "transfer-encoding" in headers and "content-length" in headers:
        raise ProblemError(
            400,
            "The request has both Content-Length and Transfer-Encoding. Send one of them.",
            {"Connection": "close"},
        )


def _require_host(headers: Headers, options: ServeOptions) -> None:
    # Without a token, a page elsewhere could reach this server under a name of its own that it
    # points to this machine (DNS rebinding). Addresses and known names cannot be pointed.
    if options.token is not None:
        return
    name = _host_of(f"//{headers.get('host', '')}")
    known = {each.lower() for each in options.allowed_hosts}
    if not (is_address(name) or name in {"localhost", *known}):
        shown = printable(name)[:100]
        raise ProblemError(
            400,
            f"This server is not known as '{shown}'. Start it with --allow-host {shown} if it is.",
        )


def _require_same_site(method: str, headers: Headers) -> None:
    if method in {"GET", "HEAD", "OPTIONS"}:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        is_foreign = site not in {"same-origin", "none"}
    else:
        is_foreign = origin is not None and origin.partition("://")[2] != headers.get("host")
    if is_foreign:
        raise ProblemError(403, "A page of another site sent this request. Open this server's own.")


def _host_of(url: str) -> str:
    """Returns the host of a URL, in lower case; empty if it is malformed."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _require_token(authorization: str, token: str) -> None:
    scheme, _, shown = authorization.partition(" ")
    is_right = hmac.compare_digest(shown.strip().encode("utf-8", "replace"), token.encode())
    if scheme.lower() != "bearer" or not is_right:
        raise ProblemError(
            401,
            "The token is missing or wrong. Send it as the header Authorization: Bearer TOKEN.",
            {"WWW-Authenticate": "Bearer"},
        )
