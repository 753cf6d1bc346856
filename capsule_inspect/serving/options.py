"""The options of a server, and the rules on who may reach it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from capsule_inspect.checks import require_bits, require_choice
from capsule_inspect.errors import UsageError

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address
    from ssl import SSLContext

LogFormat: TypeAlias = Literal["text", "json"]
"""How the server writes its log: lines for people, or one JSON object a line."""

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8000
DEFAULT_MAX_MB: Final = 64.0
DEFAULT_MAX_MEGAPIXELS: Final = 100.0
DEFAULT_QUEUE: Final = 16
DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_LOG_FORMAT: Final[LogFormat] = "text"

_ROOT_PATH: Final = re.compile(r"(/[!-.0-~]+)+")

_MIN_TOKEN: Final = 16
"""The fewest characters of a token that nobody guesses."""


@dataclass(frozen=True)
class ServeOptions:
    """The options of a server.

    Attributes:
        host: The address to listen on.
        port: The port; 0 takes a free one.
        token: The token that requests must show; None for none.
        jobs: Pictures to inspect at a time.
        queue: Requests that may wait beside those in work; more are refused.
        max_mb: The most megabytes of a request, and of an answer with overlays or masks.
        max_megapixels: Larger pictures are refused before they are decoded.
        bits: The bits of 16 that the camera uses; None for what each file says, or 16.
        timeout: Seconds a client has to send its request, and the server to shut down.
        root_path: The path under which a reverse proxy shows the server; empty for none.
        allowed_hosts: Names of this server, beside its addresses and `localhost`.
        log_format: The format of the log.
        tls_cert: A certificate in PEM, with its chain; None for plain HTTP.
        tls_key: Its key.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str | None = None
    jobs: int = 1
    queue: int = DEFAULT_QUEUE
    max_mb: float = DEFAULT_MAX_MB
    max_megapixels: float = DEFAULT_MAX_MEGAPIXELS
    bits: int | None = None
    timeout: float = DEFAULT_TIMEOUT
    root_path: str = ""
    allowed_hosts: tuple[str, ...] = ()
    log_format: LogFormat = DEFAULT_LOG_FORMAT
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def __post_init__(self) -> None:
        """Raises UsageError if an option is out of range."""
        require_choice("log_format", self.log_format, get_args(LogFormat), UsageError)
        bounds: tuple[tuple[str, float, float, float], ...] = (
            ("port", self.port, 0, 65535),
            ("jobs", self.jobs, 1, 1024),
            ("queue", self.queue, 0, 1e6),
            ("max_mb", self.max_mb, 1e-3, 1e6),
            ("max_megapixels", self.max_megapixels, 1e-6, 1e6),
            ("timeout", self.timeout, 0.1, 86400),
        )
        for name, value, low, high in bounds:
            if not low <= value <= high:
                raise UsageError(f"{name} is {value:g}, but must lie between {low:g} and {high:g}.")
        require_bits("bits", self.bits, UsageError)
        if self.root_path and not _ROOT_PATH.fullmatch(self.root_path):
            raise UsageError(
                f"The root path '{self.root_path}' must start with / and not end with it, such as "
                "/capsules; without spaces and in ASCII."
            )

    @property
    def max_bytes(self) -> int:
        """The most bytes of a request."""
        return round(self.max_mb * 1e6)

    @property
    def max_pixels(self) -> int:
        """The most pixels of a picture."""
        return round(self.max_megapixels * 1e6)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Tells whether an address or name is that of this machine alone."""
    address = _parse_address(host)
    return host == "localhost" if address is None else address.is_loopback


def is_address(host: str) -> bool:
    """Tells whether a host is an IP address, and no name."""
    return _parse_address(host) is not None


def _parse_address(host: str) -> "IPv4Address | IPv6Address | None":
    import ipaddress  # `--help` does without

    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def read_token(file: Path) -> str:
    """Reads the token that requests must show.

    Args:
        file: A file with the token on its only line.

    Raises:
        UsageError: The file cannot be read, or holds no token that is safe to use.
    """
    try:
        token = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise UsageError(f"The token file '{file}' cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        token = ""
    if len(token) < _MIN_TOKEN or not token.isprintable() or " " in token:
        raise UsageError(
            f"The token file '{file}' must hold one line of at least {_MIN_TOKEN} ASCII characters "
            f"without spaces. Make one: openssl rand -hex 32 > '{file}'"
        )
    return token


def require_access_rule(host: str, has_token: bool, no_token: bool) -> None:
    """Refuses to serve a network without a token, unless that is asked for.

    Raises:
        UsageError: Other machines could reach the server, and nobody said how they prove who they
            are.
    """
    if has_token and no_token:
        raise UsageError("--token-file and --no-token contradict each other. Give one of them.")
    if not (has_token or no_token or is_loopback(host)):
        raise UsageError(
            f"Other machines can reach '{host}'. Give --token-file FILE, so that only those who "
            "know the token are served, or --no-token to serve everyone."
        )


def make_tls_context(cert: Path, key: Path) -> "SSLContext":
    """Loads a certificate and its key.

    Raises:
        UsageError: A file cannot be read, is of another kind, or they do not belong together.
    """
    import ssl  # `--help` does without

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for file in (cert, key):
        if not file.is_file():
            raise UsageError(f"The TLS file '{file}' does not exist.")
    try:
        context.load_cert_chain(cert, key, password="")
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"'{cert}' and '{key}' cannot be used for TLS: {error.strerror or error}. Give a "
            "certificate and its key in PEM, the key without a password."
        ) from None
    return context
