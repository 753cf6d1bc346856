"""Telling how far a long work on pictures is."""

from collections.abc import Callable

Advance = Callable[[int, int], None]
"""Called with the number of pictures done and their number in all."""
