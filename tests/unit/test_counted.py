from capsule_inspect.counted import counted


def test_one_is_singular_and_all_else_plural():
    said = [counted(number, "picture") for number in (0, 1, 2)]
    assert said == ["0 pictures", "1 picture", "2 pictures"]
