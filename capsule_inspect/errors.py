"""The errors a person can cause, each with the exit code the command line ends with.

Messages are whole sentences: what happened, to which file, and what to do next.
"""

from typing import ClassVar


class CapsuleInspectError(Exception):
    """The base of every error that is reported as a sentence instead of a traceback."""

    exit_code: ClassVar[int] = 2


class UsageError(CapsuleInspectError):
    """The command was called in a way that cannot work."""


class ConfigError(CapsuleInspectError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(CapsuleInspectError):
    """A data set folder or its source is not what the command needs."""


class ModelFileError(CapsuleInspectError):
    """A model file is damaged, foreign, or does not fit this version."""


class MissingExtraError(CapsuleInspectError):
    """A command needs packages that the light install leaves out."""


class PictureError(CapsuleInspectError):
    """One picture cannot be read; batch commands turn it into a row and go on."""


class ConditionNotMetError(CapsuleInspectError):
    """A condition the user asked for does not hold, such as `--fail-on-defect`."""

    exit_code = 1


class PartialFailureError(CapsuleInspectError):
    """The command finished, but some files could not be read."""

    exit_code = 3


class InterruptedRunError(CapsuleInspectError):
    """The user stopped the command; the message says how to go on."""

    exit_code = 130
