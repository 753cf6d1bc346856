"""How work in progress speaks: sentences, warnings and steps done."""

from collections.abc import Callable
from typing import TypeAlias

Advance = Callable[[int, int], None]
"""Called with the number of pictures done and their number in all."""


Note: TypeAlias = Callable[[str], None]
"""Told in sentences what goes on."""
