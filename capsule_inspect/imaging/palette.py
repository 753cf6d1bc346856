"""The colours of overlays.

Vermilion and bluish green stay apart for colour-blind eyes (after Okabe and Ito, "Color Universal
Design", 2008); darkened until white text on them has a contrast of 4.5 to 1 (WCAG 2.1, 1.4.3).
"""

from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]
"""RGB, each from 0 to 255."""

DEFECT: Colour = (204, 62, 8)
GOOD: Colour = (0, 130, 92)
NOTE: Colour = (80, 80, 80)
WHITE: Colour = (255, 255, 255)
