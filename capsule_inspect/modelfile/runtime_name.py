"""The names of the runtimes."""

from typing import Literal, TypeAlias

RuntimeName: TypeAlias = Literal["auto", "ai-edge-litert", "tflite-runtime"]
"""`auto` takes ai-edge-litert, which is several times faster, and else tflite-runtime."""
