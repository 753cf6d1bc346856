"""The markers of a JPEG stream (ITU-T T.81, table B.1), which a TIFF can hold, too."""

from typing import Final

FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start of frame, C0 to CF without DHT (C4), JPG (C8) and DAC (CC)."""
SOS: Final = 0xDA
"""Start of scan."""
