import pytest

from capsule_inspect.evaluation import palette


@pytest.mark.parametrize(
    ("name", "red", "green", "blue"),
    [("BLUE", 0, 114, 178), ("VERMILLION", 213, 94, 0), ("REDDISH_PURPLE", 204, 121, 167)],
)
def test_colours_are_those_of_okabe_and_ito(name, red, green, blue):
    assert bytes.fromhex(getattr(palette, name).removeprefix("#")) == bytes((red, green, blue))
