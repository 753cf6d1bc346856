"""The ways a model file can store weights and activations."""

QUANTIZATIONS = ("int8", "float32", "float16", "dynamic")
"""Names of them; `export.format` can be any."""
