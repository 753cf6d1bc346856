import errno
import subprocess
import sys
import warnings

import pytest

from capsule_inspect.folder_lock import FolderLock, HeldError

HOLD = """
import sys
from pathlib import Path
from capsule_inspect.folder_lock import FolderLock
with FolderLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline().strip() == b"held"
        yield process
        process.kill()


def test_a_second_process_is_refused_until_the_first_dies(tmp_path, holder):
    with pytest.raises(HeldError), FolderLock(tmp_path):
        pytest.fail("two processes hold the lock")
    holder.kill()
    holder.wait()
    with FolderLock(tmp_path, warn=pytest.fail), pytest.raises(HeldError):
        FolderLock(tmp_path).acquire()


def test_one_that_waits_gets_it_when_the_other_ends(tmp_path, holder):
    holder.stdin.close()
    with FolderLock(tmp_path, wait=True, warn=pytest.fail), pytest.raises(HeldError):
        FolderLock(tmp_path).acquire()


def test_an_error_releases_the_lock(tmp_path):
    with pytest.raises(ValueError, match="mine"), FolderLock(tmp_path):
        raise ValueError("mine")
    with FolderLock(tmp_path):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_locks_it_says_so_and_goes_on(tmp_path, monkeypatch, number):
    def refuse(*_: object) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr("fcntl.flock", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            said: list[str] = []
            with FolderLock(tmp_path, warn=said.append):
                assert [each.partition(".")[0] for each in said] == [
                    f"The file system of '{tmp_path}' has no locks"
                ]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), FolderLock(tmp_path / "file" / "deeper"):
        pytest.fail("no lock")
