"""The versions a report of a fault needs."""

import platform
from collections.abc import Iterator

from capsule_inspect import __version__
from capsule_inspect.runs.package_versions import package_versions


def versions() -> Iterator[str]:
    """Yields a line for the program, Python and each package that results depend on."""
    yield f"capsule-inspect {__version__}"
    yield f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    for name, version in package_versions().items():
        yield f"{name} {version}"
