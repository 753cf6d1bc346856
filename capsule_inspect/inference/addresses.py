"""Addresses of places elsewhere, such as `s3://bucket/line-3/`: file systems, and ways that fail.

fsspec knows the ways there and takes credentials from where the tools of a service keep them.
"""

import os
import random
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from capsule_inspect.errors import MissingExtraError, UsageError
from capsule_inspect.files import StrPath
from capsule_inspect.text import mask_passwords, printable

_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_ADDRESS_AS_PATH: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):[/\\]+(.*)", re.DOTALL)
_TO_READ: Final = "Download it first, and name the folder."
_SIGNED: Final = re.compile(r"([?&](?:[\w-]*signature|sig)=)[^&]*", re.IGNORECASE)
"""What makes an address a key to a file; it has no place in rows."""

WEB: Final = ("http", "https")
"""Web servers tell no lists of files."""

_OF_THE_EXTRA: Final = frozenset({"s3", "s3a", "gs", "gcs", *WEB})
"""The schemes whose packages the extra `remote` installs."""

_WAITS: Final = (0.25, 1.0, 4.0, 15.0)
"""Seconds before another attempt at most; each wait is drawn from its upper half, so that many
machines do not come back at once."""

_CONNECTIONS: Final = 32
"""To one place at a time; those of botocore would be ten."""

_FINAL: Final = (FileNotFoundError, PermissionError, IsADirectoryError, ImportError)
_TOO_BUSY: Final = frozenset({408, 425, 429})
"""The answers of web servers from 400 to 499 after which another attempt helps."""

_Result = TypeVar("_Result")


def is_remote(text: str) -> bool:
    """Tells whether an input is an address such as `s3://bucket/line-3/`."""
    return _ADDRESS.match(text) is not None and not os.path.lexists(text)


def refuse_address(path: StrPath, advice: str = _TO_READ) -> None:
    """Refuses an address in the place of a folder on this machine.

    pathlib makes one slash of two, and the rest would name a folder here without a word.

    Args:
        path: The folder.
        advice: The sentence on what to do.

    Raises:
        UsageError: It is an address.
    """
    text = os.fspath(path)
    found = _ADDRESS_AS_PATH.match(text)
    if found and not os.path.lexists(text):
        address = shown(f"{found[1]}://{found[2]}")
        raise UsageError(f"'{address}' is an address, and no folder on this machine. {advice}")


def list_files(system: Any, root: str, depth: int | None = None) -> dict[str, int | None]:
    """Returns the keys and sizes of the files in a folder elsewhere.

    fsspec's own search leaves out folders that it fails to list, and says nothing.

    Args:
        system: The file system.
        root: What it calls the folder.
        depth: How many levels to go down, from 1; all by default.

    Raises:
        Exception: That of the file system: a folder cannot be listed.
    """
    found: dict[str, int | None] = {}
    folders = [(root, 1)]
    for folder, level in folders:  # it grows meanwhile
        for each in insist(partial(system.ls, folder, detail=True)):
            name = each["name"].rstrip("/")
            if each["type"] != "directory":
                found[each["name"]] = each.get("size")
            elif name != folder and (depth is None or level < depth):
                folders.append((name, level + 1))
    system.invalidate_cache()  # it holds far more of each of a million files
    return found


def lower_scheme(text: str) -> str:
    """Returns an address whose scheme is spelled as fsspec knows it: `s3://` for `S3://`."""
    scheme, separator, rest = text.partition("://")
    return f"{scheme.lower()}{separator}{rest}"


def shown(text: str) -> str:
    """Returns an address as text that can be written, without what is secret in it."""
    return printable(_SIGNED.sub(r"\1***", mask_passwords(text)))


def open_address(text: str) -> tuple[Any, str]:
    """Returns the file system of an address, and what that calls it.

    Raises:
        MissingExtraError: The packages for this address are not installed.
        UsageError: No file system is known for it.
    """
    named = shown(text)
    text = lower_scheme(text)
    try:
        from fsspec.core import url_to_fs

        system, key = url_to_fs(text, **_options(text))
    except ImportError as error:
        is_all = (error.name or "").startswith("fsspec")
        if not is_all and text.partition("://")[0] not in _OF_THE_EXTRA:
            raise MissingExtraError(
                f"'{named}' needs a package that is in no extra of capsule-inspect: "
                f"{_reason(error)}."
            ) from error
        told = "" if is_all else f" ({_reason(error)})"
        raise MissingExtraError(
            f"'{named}' needs packages that the light install leaves out{told}. Run: pip install "
            "'capsule-inspect[remote]'"
        ) from error
    except Exception as error:  # of the file system, such as settings that it does not know
        reason = _reason(error)
        raise UsageError(f"'{named}' is no address that can be read: {reason}.") from error
    return system, key


def _options(text: str) -> dict[str, object]:
    """Returns the options of the file system; those in fsspec's own configuration come first.

    For S3, one connection for each file that is on its way, and no question for the length of a
    file before each read. Attempts are left to `insist`, since botocore waits long after the first.
    """
    if text.partition("://")[0].lower() not in {"s3", "s3a"}:
        return {}
    from fsspec.config import conf

    given = conf.get("s3", {})
    config = {"max_pool_connections": _CONNECTIONS, "retries": {"total_max_attempts": 1}}
    return {
        "max_concurrency": given.get("max_concurrency", 1),
        "config_kwargs": {**config, **given.get("config_kwargs", {})},
    }


def insist(work: Callable[[], _Result]) -> _Result:
    """Does something elsewhere; tries again, unless the answer would be the same.

    Raises:
        Exception: That of the last attempt.
    """
    for wait in _WAITS:
        try:
            return work()
        except Exception as error:
            if _is_final(error):
                raise
        time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311  (no secret)
    return work()


def _is_final(error: Exception) -> bool:
    status = getattr(error, "status", None)  # of a web server
    refused = isinstance(status, int) and 400 <= status < 500 and status not in _TOO_BUSY
    return refused or isinstance(error, _FINAL) or "Credential" in type(error).__name__


def why(error: Exception, done: str = "read") -> str:
    """Returns the rest of a sentence that begins with an address.

    Args:
        error: What happened there.
        done: What could not be done with it.
    """
    if isinstance(error, FileNotFoundError):
        return "does not exist; check the address."
    if isinstance(error, PermissionError):
        return f"cannot be {done}: {_reason(error)}; check your credentials and permissions."
    return f"cannot be {done}: {_reason(error)}; check the address and the way there."


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error)
    first = said.strip().partition("\n")[0] or type(error).__name__
    return shown(first).rstrip(".")
