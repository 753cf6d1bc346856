"""The one class that every product has."""

from typing import Final

GOOD: Final = "good"
"""Of capsules without a defect; first among the classes, wherever they have an order."""
