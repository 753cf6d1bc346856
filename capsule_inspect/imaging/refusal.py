"""Why a picture file is refused, before anybody has said which file it is."""

COPY_AGAIN = "copy it again, or save it as PNG"
"""What to do about a file that is not whole."""
CONVERT = "convert it to PNG"
"""What to do about a whole file of a kind that cannot be read."""


class Refusal(Exception):  # noqa: N818 - a reason on its way to PictureError, not an error type
    """The rest of a sentence that begins with the file's name.

    Args:
        reason: What is wrong, such as `is truncated`.
        advice: What to do next.
    """

    def __init__(self, reason: str, advice: str = COPY_AGAIN) -> None:
        super().__init__(f"{reason}; {advice}.")
