"""The report on an error that nobody foresaw."""

import os
import platform
import sys
import tempfile
import traceback
from contextlib import suppress

from capsule_inspect import __version__
from capsule_inspect.text import mask_passwords, printable

CRASHED = 70
"""Exit code of a program that fails by its own fault: `EX_SOFTWARE` of BSD's sysexits.h."""


def report_crash(error: Exception) -> str:
    """Writes the traceback and the versions to a file to send.

    Args:
        error: The error, while it is handled.

    Returns:
        A sentence that names the error and the file; the traceback itself where no file can be
        written.
    """
    told = "".join(traceback.format_exception(error))
    report = (
        f"capsule-inspect {__version__}, Python {platform.python_version()} on "
        f"{platform.platform()}\n{' '.join(map(mask_passwords, sys.argv))}\n\n{told}"
    )
    reason = " ".join(str(error).split()) or "no reason given"
    sentence = f"This should not have happened: {type(error).__name__}: {reason}."
    with suppress(OSError):
        handle, name = tempfile.mkstemp(prefix="capsule-inspect-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(printable(report))
        return f"{sentence} Please report it, with the file '{name}'."
    return f"{sentence} Please report it, with these lines:\n{told}"
