"""Which run is at an address: its `run.json`, and the mark of one that is not uploaded yet.

`run.json` is uploaded last, and removed first when another run is uploaded: whatever has one is
whole, and what lies at an address without one counts for nothing.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from capsule_inspect.files import UNFINISHED
from capsule_inspect.inference.addresses import insist
from capsule_inspect.inference.results_folder import MADE_BY

RUN: Final = "run.json"
"""The settings and the seal of a run that is uploaded."""

MARK: Final = f"{UNFINISHED}{RUN}"
"""The settings of a run that writes to the address; it stands there until the run is uploaded."""


def is_of_a_run(system: Any, key: str) -> bool:
    """Tells whether `predict` wrote to an address, or is about to.

    Args:
        system: Its file system.
        key: What that calls the address.

    Raises:
        Exception: That of the file system.
    """
    return any(_read(system, f"{key}/{name}").get("made_by") == MADE_BY for name in (RUN, MARK))


def _read(system: Any, key: str) -> Mapping[str, object]:
    with suppress(FileNotFoundError, ValueError, RecursionError):
        document = json.loads(insist(partial(system.cat_file, key)))
        return document if isinstance(document, dict) else {}
    return {}
