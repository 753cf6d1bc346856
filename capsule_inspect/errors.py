"""The errors a user can cause, each with the exit code of the command line.

A message is a whole sentence: what happened, to which file, and what to do next.
"""

from typing import ClassVar


class CapsuleInspectError(Exception):
    """The base of all errors that a user can cause; its text is a sentence."""

    exit_code: ClassVar[int] = 2


class UsageError(CapsuleInspectError):
    """The arguments of a command cannot work."""


class ConfigError(CapsuleInspectError):
    """A setting is unknown, has the wrong type or is out of range."""


class DataError(CapsuleInspectError):
    """A data set folder or its source does not fit the command."""


class ModelFileError(CapsuleInspectError):
    """A model file is damaged, foreign or of another version, or is computed wrongly here."""


class MissingExtraError(CapsuleInspectError):
    """A command needs packages that are not in the light install."""


class ClusterError(CapsuleInspectError):
    """The scheduler or a worker of a cluster cannot be reached, or cannot take part in a run."""


class PictureError(CapsuleInspectError):
    """One picture cannot be read; batch commands write a row for it and continue."""


class ConditionNotMetError(CapsuleInspectError):
    """A condition the user asked for does not hold, such as `--fail-on-defect`."""

    exit_code = 1


class PartialFailureError(CapsuleInspectError):
    """The command finished, but some files could not be read."""

    exit_code = 3


class InterruptedRunError(CapsuleInspectError):
    """The user stopped the command; the message says how to resume it."""

    exit_code = 130
