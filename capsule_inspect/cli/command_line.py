"""Commands for people to copy."""

import shlex


def command_line(*words: object) -> str:
    """Spells a command of this program, such as `capsule-inspect info model.tflite`.

    Args:
        words: What follows `capsule-inspect`; quoted where a shell would take one apart.

    Example:
        >>> command_line("predict", "my pictures", "-o", "out")
        "capsule-inspect predict 'my pictures' -o out"
    """
    return shlex.join(["capsule-inspect", *map(str, words)])
