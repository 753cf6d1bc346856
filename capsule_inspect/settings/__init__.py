"""Typed settings, a dataclass for each group; `compose.py` fills them."""
