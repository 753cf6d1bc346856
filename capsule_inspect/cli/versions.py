"""The versions a report of a fault needs."""

import platform
from collections.abc import Iterator
from importlib import metadata

from capsule_inspect import __version__

_PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "ai-edge-litert",
    "tflite-runtime",
    "tensorflow",
    "keras",
)
"""What results depend on, by the names that pip knows."""


def versions() -> Iterator[str]:
    """Yields a line for the program, Python and each package that is installed; imports none."""
    yield f"capsule-inspect {__version__}"
    yield f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    for name in _PACKAGES:
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
