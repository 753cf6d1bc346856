import pytest

from capsule_inspect.imaging import annotation as palette


def luminance(colour) -> float:
    """Relative luminance as WCAG 2.1 defines it."""
    shares = [level / 255 for level in colour]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", ["DEFECT_COLOUR", "GOOD_COLOUR", "NOTE_COLOUR"])
def test_white_text_can_be_read_on_every_colour(name):
    lighter, darker = luminance(palette.WHITE), luminance(getattr(palette, name))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
