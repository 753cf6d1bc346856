"""Numbers of things, in words."""


def counted(number: int, noun: str) -> str:
    """Returns such as `1 picture` or `3 pictures`.

    Args:
        number: How many there are.
        noun: What they are, in the singular; its plural ends in s.
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
