"""What state the git repository of the working directory is in."""

import os
import shutil
import subprocess
from dataclasses import dataclass

_SECONDS = 5
"""A repository on a slow disk must not hold up a run."""


@dataclass(frozen=True)
class GitState:
    """A commit, and whether files differ from it.

    Attributes:
        commit: Its full hash.
        dirty: Whether tracked files differ from it; None if that could not be told in time.
    """

    commit: str
    dirty: bool | None


def read_git_state() -> GitState | None:
    """Reads the state; None outside a repository, before its first commit, or without git."""
    commit = _git("rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return GitState(commit, None if changes is None else bool(changes))


def _git(*arguments: str) -> str | None:
    """Returns what a git command printed; None if it failed."""
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  (the arguments are ours)
            [program, *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
