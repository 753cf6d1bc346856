"""The seal of a finished run: the digests in `run.json`, which cover the whole results folder."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

DRIFT = "drift"
"""The key of run.json that tells how the pictures differ from the training pictures."""

DIGESTS = "digests"
"""The key of run.json that seals the digests of a finished run."""

ADDED = frozenset({DRIFT, DIGESTS})
"""The keys of run.json that are no settings; they are added at the end of a run."""


@dataclass(frozen=True)
class Seal:
    """What the digests of a finished run end with.

    The names are keys of run.json. All digests are SHA-256 in hexadecimal digits.

    Attributes:
        pictures: The number of lines in digests.csv.
        chain: The digest at the end of the last line.
        report: That of the report; empty without one.
        run: That of run.json itself, while this one is empty.
        annotations: That of annotations.sha256; empty without one, and then no key.
        removed: That of removed.csv, likewise.
        rows: That of rows.sha256, likewise.
    """

    pictures: int
    chain: str
    report: str = ""
    run: str = ""
    annotations: str = ""
    removed: str = ""
    rows: str = ""

    def to_dict(self) -> dict[str, object]:
        """Returns the seal as it stands in run.json."""
        late = {"annotations", "removed", "rows"}  # runs before had none
        return {name: text for name, text in asdict(self).items() if text or name not in late}


def to_json(run: Mapping[str, object]) -> bytes:
    """Returns the content of run.json with these keys."""
    return f"{json.dumps(run, indent=2)}\n".encode()


def sealed(run: Mapping[str, object], seal: Seal) -> bytes:
    """Returns the content of run.json with its seal, which covers all other keys.

    Args:
        run: The other keys; a seal among them is replaced.
        seal: The seal, whose digest of run.json itself does not matter.
    """

    def with_seal(own: str) -> bytes:
        drift = {DRIFT: run[DRIFT]} if DRIFT in run else {}
        settings = {key: value for key, value in run.items() if key not in ADDED}
        return to_json({**settings, DIGESTS: replace(seal, run=own).to_dict(), **drift})

    return with_seal(hashlib.sha256(with_seal("")).hexdigest())
