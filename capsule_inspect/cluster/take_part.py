"""What a worker does for a run that others share: start a process that takes part in it."""

import hashlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, Any, Final, Literal

from capsule_inspect.choices import SCHEDULER_VARIABLE
from capsule_inspect.folder_lock import FolderLock, HeldError

_LOG: Final = logging.getLogger("distributed.worker")
"""The log of the worker, which `dask worker` prints and the dashboard shows."""

FAILURE: Final = "Error: "
"""How the line begins with which a process says what it failed of."""

_LOOK: Final = 0.5
"""Seconds between two looks at the process."""
_GRACE: Final = 30.0
"""Seconds that a process has to give back what it works on when it is asked to stop."""
_STOPPED: Final = frozenset({128 + signal.SIGINT, 128 + signal.SIGTERM, 137})
"""Exit codes of a process that somebody else stopped; the last is that of a full memory."""


@dataclass(frozen=True)
class Invitation:
    """What a worker needs to know to take part in a run.

    Attributes:
        packages: Names and versions of packages on which figures depend; all must have the same.
        folder: The folder from which the command was started; relative paths begin there.
        run: The run folder, absolute.
        config_sha256: SHA-256 of config.yaml there.
        held: A folder whose lock the client holds as long as the run is shared.
        arguments: Arguments for Python; they start a process that works on the run until nothing
            is left, and ends when its standard input does.
        environment: Variables for it.
    """

    packages: Mapping[str, str]
    folder: str
    run: str
    config_sha256: str
    held: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Outcome:
    """How a process ended.

    Attributes:
        state: `done` if it found nothing more to do; `lost` if somebody stopped or killed it;
            `failed` if another one would fail as well.
        problem: What it failed of, as a sentence.
    """

    state: Literal["done", "lost", "failed"]
    problem: str = ""


def find_obstacle(invitation: Invitation) -> str:
    """Returns why this process cannot take part in a run, as the rest of a sentence.

    Args:
        invitation: The run.

    Returns:
        Empty if it can take part.
    """
    return _other_package(invitation.packages) or _unseen(invitation) or _unlocked(invitation)


def _other_package(packages: Mapping[str, str]) -> str:
    for name, wanted in packages.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            return f"lacks {name}. Install capsule-inspect[train] there, {name} {wanted} with it."
        if found != wanted:
            return (
                f"has {name} {found}, and this machine has {name} {wanted}. Install the same on "
                "both, or take the worker out of the cluster."
            )
    return ""


def _unseen(invitation: Invitation) -> str:
    for folder, role in (
        (invitation.folder, "from which this command was started"),
        (invitation.run, "the run folder"),
    ):
        if not Path(folder).is_dir():
            return (
                f"does not see '{folder}', {role}. All machines must share it, under the same path."
            )
    try:
        config = Path(invitation.run, "config.yaml").read_bytes()
    except OSError:
        config = b""
    if hashlib.sha256(config).hexdigest() != invitation.config_sha256:
        return (
            f"sees another folder at '{invitation.run}': its config.yaml is not the one of this "
            "machine. All machines must share the run folder, under the same path."
        )
    return ""


def _unlocked(invitation: Invitation) -> str:
    try:
        with FolderLock(Path(invitation.held)):
            return (
                f"does not notice the locks that this machine holds in '{invitation.run}', so two "
                "would train the same. Mount that file system with locks that all machines share."
            )
    except HeldError:
        return ""
    except OSError as error:
        return f"cannot write into '{invitation.run}': {error.strerror}."


def take_part(invitation: Invitation) -> Outcome:
    """Works on a run until nothing is left to do; this is a task of the cluster.

    A process does the work, so that it can be stopped, and its memory is given back.

    Args:
        invitation: The run.
    """
    from distributed import get_worker

    obstacle = find_obstacle(invitation)
    if obstacle:
        return Outcome("failed", obstacle)
    worker = get_worker()
    key = worker.get_current_task()
    process = _start(invitation)
    said: deque[str] = deque(maxlen=200)
    listener = threading.Thread(target=_listen, args=(process.stdout, said), daemon=True)
    listener.start()
    try:
        while process.poll() is None:
            if not _is_wanted(worker, key):
                _stop(process)
                return Outcome("lost")
            time.sleep(_LOOK)
    finally:
        process.kill()
        process.wait()
        listener.join(timeout=_LOOK)
        if process.stdin is not None:
            process.stdin.close()
    return _judge(process.returncode, said)


def _start(invitation: Invitation) -> "subprocess.Popen[str]":
    """Starts the process; the worker's end closes its standard input, and so ends it."""
    return subprocess.Popen(  # noqa: S603  (the arguments are the client's, as the task is)
        [sys.executable, *invitation.arguments],
        cwd=invitation.folder,
        env={**_environment(), **invitation.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C in a terminal asks the client, and the client asks here
    )


def _environment() -> dict[str, str]:
    """Returns the variables of this process, without those that Dask sets for its workers.

    They leave one thread to each of them, and have memory given back at once.
    """
    import dask

    added = {
        name: str(value)
        for part in ("pre-spawn-environ", "environ")
        for name, value in dask.config.get(f"distributed.nanny.{part}", {}).items()
    }
    return {
        name: value
        for name, value in os.environ.items()
        if name != SCHEDULER_VARIABLE and added.get(name) != value
    }


def _listen(stream: IO[str], said: deque[str]) -> None:
    with stream:
        for line in stream:
            if line.strip():
                said.append(line.strip())
                _LOG.info("%s", line.rstrip())


def _is_wanted(worker: Any, key: Any) -> bool:
    """Tells whether the client still waits for a task; it may have left, or the scheduler."""
    task = worker.state.tasks.get(key)
    is_running = task is not None and task.state in ("executing", "long-running")
    return is_running and worker.status.name not in ("closing", "closed", "failed")


def _stop(process: "subprocess.Popen[str]") -> None:
    if sys.platform != "win32":
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            _LOG.warning("A process that takes part in a run does not stop; it is killed.")


def _judge(code: int, said: deque[str]) -> Outcome:
    if code == 0:
        return Outcome("done")
    if code < 0 or code in _STOPPED:
        return Outcome("lost")
    stated = [line.removeprefix(FAILURE) for line in said if line.startswith(FAILURE)]
    last = said[-1] if said else f"exit code {code}"
    return Outcome("failed", f"fails: {stated[-1] if stated else last}")
