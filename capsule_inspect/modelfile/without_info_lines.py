"""Keeping a native library's start-up chatter off the terminal."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from threading import RLock

_CHATTER = re.compile(
    rb"INFO: "
    rb"|[IW]\d{4} \d\d:"  # absl's format of information and warnings
    rb"|WARNING: All log messages before absl"
    rb"|fully_quantize: "  # the converter, once per file
)

_TURNS = RLock()
"""Two threads that turn stderr to a file and back would leave it turned."""


@contextmanager
def without_info_lines() -> Iterator[None]:
    """Drops the notes that TensorFlow's C++ code writes to stderr meanwhile; passes on the rest.

    TensorFlow Lite announces its XNNPACK delegate there and has no switch for it: neither
    TF_CPP_MIN_LOG_LEVEL nor an option reaches that line. File descriptor 2 is turned to a file and
    back for the whole process, so the block should be short, and threads take turns. Where there is
    no stderr or no room for a temporary file, nothing is held back.
    """
    with _TURNS, ExitStack() as stack:
        try:
            held = stack.enter_context(TemporaryFile())
            stderr = os.dup(2)
        except OSError:
            held = None
        if held is None:
            yield
            return
        stack.callback(os.close, stderr)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            held.seek(0)
            os.write(2, b"".join(line for line in held if not _CHATTER.match(line)))
