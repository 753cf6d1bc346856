"""What wakes a watch, and where the system's events cannot be trusted to do it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

_NETWORK: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "drvfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "prl_fs"}
    | {"smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"}
)
"""File systems on which somebody else writes: their kernel, not this one, knows of it."""

_MOUNTS: Final = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class Wake:
    """A reason to look.

    Attributes:
        path: The file to look at; empty to list the folder.
        is_whole: Whether its writer has closed it, or renamed it into place.
        is_end: Whether no more events come: the folder is gone, or too many were lost.
        is_quiet: Whether there is nothing to look at in the folder, such as when a picture is done.
    """

    path: str = ""
    is_whole: bool = False
    is_end: bool = False
    is_quiet: bool = False


Post = Callable[[Wake], None]
"""Takes a wake, from any thread."""


class Events(Protocol):
    """Events of the system for one folder; they are posted until it is closed."""

    def close(self) -> None:
        """Ends the events, and waits until none comes any more."""


def is_on_network(folder: Path, mounts: Path = _MOUNTS) -> bool:
    """Tells whether a folder lies on a network share, or on another file system without events.

    Args:
        folder: The folder, which need not exist.
        mounts: The system's list of mounts; without it, only the shares of Windows are known.
    """
    real = os.path.realpath(folder)
    if real.startswith("\\\\"):
        return True
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    kind, longest = "", -1
    for line in lines:
        own, _, rest = line.partition(" - ")
        point = own.split()[4].encode("latin-1", "replace").decode("unicode_escape")
        if len(point) >= longest and f"{real}/".startswith(f"{point.rstrip('/')}/"):
            kind, longest = rest.split()[0], len(point)
    return kind in _NETWORK or kind.startswith("fuse.")
