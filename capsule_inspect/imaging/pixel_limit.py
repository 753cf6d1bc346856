"""How large a picture may be."""

MAX_PIXELS = 100_000_000
"""100 megapixels: above the sensors of inspection cameras; 300 MB as 8-bit RGB, 800 MB at the
worst."""


def describe_limit(max_pixels: int) -> str:
    """Names a limit in megapixels, and the setting that moves it, for the middle of a sentence."""
    return f"the limit of {max_pixels / 1e6:g} megapixels (in predict: predict.max_megapixels)"
