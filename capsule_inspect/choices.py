"""The closed vocabularies, the good class and the shipped model's path.

Light on purpose: `--help` reads them, so nothing here imports NumPy.
"""

from pathlib import Path
from typing import Final, Literal, TypeAlias

GOOD: Final = "good"
"""Of capsules without a defect; first among the classes, wherever they have an order."""


QUANTIZATIONS = ("int8", "float32", "float16", "dynamic")
"""Names of them; `export.format` can be any."""


RuntimeName: TypeAlias = Literal["auto", "ai-edge-litert", "tflite-runtime"]
"""`auto` takes ai-edge-litert, which is several times faster, and else tflite-runtime."""


SHIPPED_MODEL = Path(__file__).parent / "assets" / "capsule.tflite"
"""A model of MVTec AD's capsules; MODEL_CARD.md beside it says what it is worth."""
