"""The class of parts without a defect, which people give many names."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from capsule_inspect.choices import GOOD, plain_name
from capsule_inspect.dataset.layouts.discovery import Discovery
from capsule_inspect.errors import DataError
from capsule_inspect.text import suggest

_NAMES: Final = frozenset(
    {GOOD, "goods", "ok", "okay", "normal", "pass", "passed", "nodefect", "nodefects", "defectfree"}
)
"""Names that mean nothing else, in lower case and without what separates words."""

HOW_TO_NAME: Final = "Say which one holds the parts without a defect: data.good=NAME."


def means_good(name: str) -> bool:
    """Tells whether a class of this name can only be the one without a defect.

    Example:
        >>> means_good("No-Defect"), means_good("MT_Free")
        (True, False)
    """
    return plain_name(name) in _NAMES


def find_sound_class(labels: Iterable[str], wanted: str, source: Path) -> str:
    """Returns the class of a folder that stands for `good`.

    Args:
        labels: Its classes.
        wanted: What `data.good` says; if it is empty, the name must tell.
        source: The folder, for messages.

    Raises:
        DataError: There is no such class, or several.
    """
    present = set(labels)
    listed = f" It has pictures of {', '.join(sorted(present))}." if present else ""
    if wanted and wanted != GOOD:
        if wanted not in present:
            raise DataError(
                f"'{source}' has no class `{wanted}`, as data.good says."
                f"{suggest(wanted, present)}{listed}"
            )
        if GOOD in present:
            raise DataError(
                f"'{source}' has a class `{GOOD}` beside `{wanted}`, which data.good names. "
                "Rename one of them."
            )
        return wanted
    named = {label for label in present if means_good(label)}
    if wanted in named:
        return wanted
    if len(named) > 1:
        raise DataError(
            f"'{source}' has several classes that can be without a defect: "
            f"{', '.join(sorted(named))}. Say which one is: data.good=NAME."
        )
    if not named:
        raise DataError(
            f"'{source}' holds no pictures of the class `{GOOD}`, which every data set needs."
            f"{listed or ' It has no folders with pictures.'} {HOW_TO_NAME}"
        )
    return named.pop()


def call_good(found: Discovery, sound: str) -> Discovery:
    """Returns a discovery in which a class is called `good`."""
    if sound == GOOD:
        return found
    pictures = tuple(
        replace(each, labels=tuple(GOOD if label == sound else label for label in each.labels))
        for each in found.pictures
    )
    return replace(found, pictures=pictures, sound_class=sound)
