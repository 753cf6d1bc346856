"""Where the model is that comes with the package."""

from pathlib import Path

SHIPPED_MODEL = Path(__file__).parent.parent / "assets" / "capsule.tflite"
"""A model of MVTec AD's capsules; MODEL_CARD.md beside it says what it is worth."""
