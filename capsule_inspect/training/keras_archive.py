"""Whether a `.keras` file arrived whole; told without Keras."""

import zlib
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from capsule_inspect.errors import ModelFileError


def require_whole(path: Path) -> None:
    """Reads a `.keras` file, which is a zip archive, and checks the checksum of each part.

    Raises:
        ModelFileError: It is no archive, is cut short, or a byte of it changed.
    """
    try:
        with ZipFile(path) as archive:
            damaged = archive.testzip()
    except (OSError, BadZipFile, ValueError, RuntimeError, EOFError, zlib.error) as error:
        damaged = getattr(error, "strerror", None) or str(error)
    if damaged:
        raise ModelFileError(
            f"'{path}' is damaged, or is no Keras file ({damaged}). Copy it again, or train again."
        )
