"""The names of results: safe on any file system, and different within a run."""

import hashlib
import re
import unicodedata
from pathlib import PurePath
from typing import Final

from capsule_inspect.text import printable

_MAX_COMPONENT_BYTES = 240
"""Bytes of one name in a results folder; file systems allow 255, and results add an extension."""
_MAX_NAME_BYTES = 1024
"""Bytes of a whole path; it fits under any sensible output folder, since Linux allows 4096."""


def safe_name(path: PurePath) -> str:
    """Makes a path safe to join to a folder: it cannot lead out of it, and any system can write it.

    Shares and sticks of Windows' kind refuse some characters, and names that end in a dot or space.

    Args:
        path: A path, absolute or relative, of any length.

    Returns:
        A relative POSIX path of UTF-8 text, short enough for any file system.
    """
    parts = [part for part in path.parts if part not in {path.anchor, "..", "."}]
    safe = "/".join(_shorten(_portable(printable(part))) for part in parts)
    if len(safe.encode()) <= _MAX_NAME_BYTES:
        return safe
    return mark_name(_shorten(_portable(printable(path.name))), printable(str(path)))


_NOT_PORTABLE: Final = re.compile(r'[<>:"|?*\x00-\x1f\x7f]|\\(?!udc[0-9a-f]{2})|[. ]+$')
"""`printable` spells bytes that are not text with a backslash, which stays."""
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever extension follows."""


def _portable(component: str) -> str:
    component = _NOT_PORTABLE.sub(lambda found: "_" * len(found[0]), component)
    return f"_{component}" if _DEVICE.fullmatch(component) else component


def fold_name(name: str) -> str:
    """Returns a name as file systems that fold case and accents compare it."""
    return unicodedata.normalize("NFC", name).casefold()


def mark_name(name: str, source: str) -> str:
    """Makes a name different from others: puts a short digest before its extension.

    Args:
        name: A safe name.
        source: The text that the digest is made from.
    """
    digest = hashlib.sha256(source.encode("utf-8")).hexdigest()[:10]
    parent, _, last = name.rpartition("/")
    suffix = PurePath(last).suffix
    marked = f"{last.removesuffix(suffix)}-{digest}{suffix}"
    return f"{parent}/{marked}" if parent else marked


def _shorten(component: str) -> str:
    if len(component.encode()) <= _MAX_COMPONENT_BYTES:
        return component
    suffix = PurePath(component).suffix
    suffix = suffix if len(suffix.encode()) < 16 else ""
    start = component.encode()[: _MAX_COMPONENT_BYTES - 40].decode("utf-8", "ignore")
    return mark_name(start + suffix, component)
