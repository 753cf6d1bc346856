"""The endings that tell masks from their pictures, such as `_GT`."""

from collections.abc import Collection, Iterator
from typing import Final

from capsule_inspect.choices import MASK_ENDING

MASK_ENDINGS: Final = ("", MASK_ENDING)
"""The endings that need no finding."""


def find_ending(masks: Collection[str], pictures: Collection[str]) -> str:
    """Finds the one ending by which all masks are called that are not called as usual.

    Args:
        masks: The names of masks, without extensions.
        pictures: Those of pictures.

    Returns:
        The ending, which begins with a sign that separates words; empty if there is none, or if
        several fit.

    Example:
        >>> find_ending({"a_GT", "b_1_GT"}, {"a", "b", "b_1"})
        '_GT'
        >>> find_ending({"a_GT", "b_label"}, {"a", "b"})
        ''
    """
    known = frozenset(pictures)
    unusual = [name for name in masks if known.isdisjoint((name, name.removesuffix(MASK_ENDING)))]
    shared = frozenset[str]().union(*(_endings(name, known) for name in unusual[:1]))
    for name in unusual[1:]:
        shared &= frozenset(_endings(name, known))
    return next(iter(shared)) if len(shared) == 1 else ""


def _endings(name: str, pictures: Collection[str]) -> Iterator[str]:
    """Yields what stands behind the name of a picture in the name of a mask."""
    for end in range(1, len(name)):
        if not name[end].isalnum() and name[:end] in pictures:
            yield name[end:]


def find_class_endings(
    masks: Collection[str], pictures: Collection[str], classes: Collection[str]
) -> dict[str, str]:
    """Finds the endings of masks that are called after the class of their defect.

    Args:
        masks: The names of masks, without extensions.
        pictures: Those of pictures.
        classes: The names of the classes.

    Returns:
        The ending of each class that has one, such as `_crack`; nothing unless every mask has one.

    Example:
        >>> find_class_endings({"a_crack", "b_dent"}, {"a", "b"}, {"crack", "dent", "good"})
        {'crack': '_crack', 'dent': '_dent'}
    """
    known, by_name = frozenset(pictures), {name.casefold(): name for name in classes}
    found: dict[str, str] = {}
    for name in sorted(masks):
        own = (each for each in _endings(name, known) if each[1:].casefold() in by_name)
        ending = next(own, "")
        if not ending or found.setdefault(by_name[ending[1:].casefold()], ending) != ending:
            return {}
    return found
