"""Names for results, made from the ways to pictures."""

import hashlib
from pathlib import PurePath

from capsule_inspect.printable import printable

_MAX_COMPONENT_BYTES = 240
"""Of one name in a results folder: file systems allow 255, and endings come on top."""
_MAX_NAME_BYTES = 1024
"""Of a whole name, so that it fits under any sensible output folder (Linux allows 4096)."""


def safe_name(way: PurePath) -> str:
    """Spells the way to a file so that it cannot lead out of the folder it is joined to.

    Args:
        way: Absolute or relative, of any length.

    Returns:
        A relative POSIX path of UTF-8 text, short enough for any file system.
    """
    parts = [part for part in way.parts if part not in {way.anchor, "..", "."}]
    safe = "/".join(_shorten(printable(part)) for part in parts)
    if len(safe.encode()) <= _MAX_NAME_BYTES:
        return safe
    return mark_name(_shorten(printable(way.name)), printable(str(way)))


def mark_name(name: str, source: str) -> str:
    """Tells a name from others by a short digest, put before its extension.

    Args:
        name: A safe name.
        source: What the digest is of.
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
