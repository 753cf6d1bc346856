"""How those who wait for a training run or a search hear of it."""

from collections.abc import Callable
from typing import TypeAlias

Note: TypeAlias = Callable[[str], None]
"""Told in sentences what goes on."""
