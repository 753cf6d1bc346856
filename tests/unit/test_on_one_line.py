import pytest

from capsule_inspect.on_one_line import on_one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Prüfung 品.png", "Prüfung 品.png"),
        ("a\nb\tc\x1b[1m", "a?b?c?[1m"),
        ("latin\udce9", r"latin\udce9"),
    ],
)
def test_what_breaks_a_line_is_replaced(text: str, line: str) -> None:
    assert on_one_line(text) == line
