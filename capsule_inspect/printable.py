"""Text that any file and terminal can take."""


def printable(text: str) -> str:
    r"""Spells a file name, or a sentence with one, so that it can be written as UTF-8.

    File names need not be text: bytes of one that are not UTF-8 become `\udcXX`, as Python's
    `backslashreplace` writes them.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
