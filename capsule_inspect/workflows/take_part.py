"""A process that a worker of a cluster starts to take part in a study or a search."""

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from capsule_inspect.cluster.take_part import FAILURE
from capsule_inspect.errors import CapsuleInspectError
from capsule_inspect.reporter import SILENT, Reporter


class _Lines:
    """Prints each sentence as a line, for the log of the worker."""

    def say(self, sentence: str) -> None:
        """Prints the sentence."""
        print(sentence, flush=True)  # noqa: T201

    warn = note = say

    progress = SILENT.progress


def take_part(arguments: Mapping[str, Any], reporter: Reporter) -> None:
    """Works on a study or a search until nothing is left that nobody works on.

    Args:
        arguments: The command, and its arguments by their names in Python.
        reporter: Follows the progress.

    Raises:
        CapsuleInspectError: As the command raises it.
    """
    command, given = arguments["command"], arguments["arguments"]
    if command == "train":
        from capsule_inspect.workflows.train import train

        train(**given, reporter=reporter)
    else:
        from capsule_inspect.workflows.tune import tune

        tune(**given, reporter=reporter)


def main(arguments: Sequence[str]) -> int:
    """Takes part in a run, and ends at once when the standard input does: the worker died.

    Args:
        arguments: One, the JSON of what `take_part` takes.

    Returns:
        The exit code.
    """
    # A shell that started the worker in the background has it ignore what the worker sends here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_the_worker, daemon=True).start()
    try:
        take_part(json.loads(arguments[0]), _Lines())
    except CapsuleInspectError as error:
        print(f"{FAILURE}{' '.join(str(error).split())}", flush=True)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _end_with_the_worker() -> None:
    # The descriptor itself: a daemon thread in a buffered read would block the end of Python.
    while os.read(0, 1):
        continue
    os._exit(1)  # the locks go with the process, and others take up what it did


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
