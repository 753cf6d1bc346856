"""Results elsewhere: a folder in an object store, to which a finished run is uploaded.

A run works in a folder on this machine. While it does, its mark `.unfinished-run.json` stands at
the address, and a copy of the mark in the folder: so long as they are equal, no other run has begun
or ended there.
"""

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from capsule_inspect.choices import OnExisting
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.files import UNFINISHED, write_bytes
from capsule_inspect.folder_lock import LOCK
from capsule_inspect.inference.addresses import (
    WEB,
    insist,
    list_files,
    lower_scheme,
    open_address,
    shown,
    why,
)
from capsule_inspect.inference.annotations.listed import read_digests
from capsule_inspect.inference.batch import map_in_order
from capsule_inspect.inference.remote_run import MARK, RUN, is_of_a_run
from capsule_inspect.inference.results_folder import (
    ANNOTATIONS,
    PICTURE_FOLDERS,
    ROWS,
    ResultsFolder,
    sentences_for,
)
from capsule_inspect.inference.seal import to_json

IN_FLIGHT: Final = 16
"""Files that are on their way at a time."""

_OWN_MARK: Final = ".address-mark.json"
"""The copy of the mark in the folder on this machine."""

_WITH_FOLDERS: Final = frozenset(
    {"file", "sftp", "smb", "hdfs", "arrow_hdfs", "webhdfs", "ftp", "dbfs", "webdav"}
)
"""The file systems where a folder must exist before a file in it. An object store has no folders;
to make one there could make a bucket."""

_FOLDERS: Final = frozenset({*PICTURE_FOLDERS, ANNOTATIONS, ROWS})

Signature = tuple[int, int]
"""Size and time of a file; they change where it is written."""

Advance = Callable[[], None]


@dataclass(frozen=True)
class RemoteResults:
    """A results folder elsewhere.

    Attributes:
        address: Its address, without what is secret in it and without a slash at its end.
        key: What its file system calls it.
        system: The file system of fsspec.
    """

    address: str
    key: str = field(repr=False)
    system: Any = field(repr=False)

    @classmethod
    def open(cls, text: str) -> "RemoteResults":
        """Finds the file system of an address.

        Raises:
            MissingExtraError: The packages for this address are not installed.
            UsageError: No results can be written to such an address.
        """
        address = shown(lower_scheme(text)).rstrip("/")  # one spelling, one working folder
        if text.partition("://")[0].lower() in WEB:
            raise UsageError(
                f"'{address}' is on a web server, which takes no results. Name a folder, or an "
                "address such as s3://bucket/results, with -o."
            )
        system, key = open_address(text)
        if not key.strip("/"):
            raise UsageError(f"'{shown(text)}' names no bucket or folder. Name one with -o.")
        return cls(address, key.rstrip("/"), system)

    def check(self, on_existing: OnExisting) -> None:
        """Makes sure that the address can take results as asked, as `check_results` does.

        Raises:
            UsageError: It cannot be listed, or its content forbids what was asked.
        """
        if not self._holds_anything():
            return
        with self._sentences("read"):
            is_ours = is_of_a_run(self.system, self.key)
        if not is_ours:
            hint = " No run.json says that this command made it." if on_existing != "refuse" else ""
            raise UsageError(
                f"The output '{self.address}' is not empty.{hint} Name another with -o, or remove "
                "it."
            )
        if on_existing == "refuse":
            raise UsageError(
                f"The output '{self.address}' is not empty. Continue its run with --resume, start "
                "it again with --overwrite, or name another address with -o."
            )
        if self.is_whole():
            self._refuse_work_of_others()

    def is_whole(self) -> bool:
        """Tells whether a whole run is there; what lies there otherwise counts for nothing.

        Raises:
            UsageError: The address cannot be read.
        """
        return self._read(RUN) is not None

    def begin(self, settings: bytes, folder: Path) -> None:
        """Marks the address as one that a run writes to; so a lack of rights is told of at once.

        Args:
            settings: The content of run.json at the beginning of the run.
            folder: The folder that the run works in; it gets a copy of the mark.

        Raises:
            UsageError: The address or the folder cannot be written.
        """
        # No two marks are equal, so that a run knows its own.
        mark = to_json({**json.loads(settings), "begun": secrets.token_hex(8)})
        with self._sentences("written"):
            self._make_folders([MARK])
            insist(partial(self.system.pipe_file, self._key_of(MARK), mark))
        with sentences_for(folder):
            write_bytes(folder / _OWN_MARK, mark)

    def refuse_another_run(self, folder: Path, advice: str) -> None:
        """Makes sure that no other run has begun or ended at the address since `begin`.

        Args:
            folder: The folder that the run works in.
            advice: What to do then, in a sentence.

        Raises:
            UsageError: Another one has; or the address cannot be read.
        """
        mark = folder / _OWN_MARK
        if not mark.exists() or self._read(MARK) != mark.read_bytes():
            raise UsageError(
                f"Another run has begun or ended at '{self.address}' since the one in '{folder}' "
                f"began. {advice}"
            )

    def count(self) -> int:
        """Returns how many files a run left there.

        Raises:
            UsageError: The address cannot be listed.
        """
        return len(self._own_files())

    def download(self, folder: Path, advance: Advance = lambda: None) -> dict[str, Signature]:
        """Fetches a whole run, to be continued in a folder on this machine.

        Args:
            folder: The folder; it appears when all is there.
            advance: Called for each file.

        Returns:
            The files by their names, to tell which have changed when they are uploaded again.

        Raises:
            UsageError: A file cannot be read, or the folder cannot be written.
        """
        names = [name for name in self._own_files() if name != MARK]
        with sentences_for(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            half = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))

        def fetch(name: str) -> None:
            file = half / name
            file.parent.mkdir(parents=True, exist_ok=True)
            insist(partial(self.system.get_file, self._key_of(name), str(file)))

        try:
            with self._sentences("read"), closing(map_in_order(fetch, names, IN_FLIGHT)) as done:
                for _ in done:
                    advance()
            with sentences_for(folder):
                half.rename(folder)
        finally:
            shutil.rmtree(half, ignore_errors=True)
        return {name: _signature(folder / name) for name in names if name != RUN}

    def upload(
        self, folder: Path, kept: Mapping[str, Signature], advance: Advance = lambda: None
    ) -> None:
        """Uploads a finished run, and removes what an earlier one left; run.json comes last.

        Args:
            folder: The results folder.
            kept: Files that are there already, from `download`.
            advance: Called for each file.

        Raises:
            UsageError: A file cannot be uploaded.
            InterruptedRunError: The user stopped it.
        """
        names = local_files(folder)
        self.refuse_another_run(
            folder, "Its results are whole; copy them from there to where they belong."
        )

        def put_changed(name: str) -> None:
            if kept.get(name) != _signature(folder / name):
                self._put(folder, name)

        again = f"Everything is in '{folder}'; upload it with the same command and --resume."
        try:
            with self._sentences("written", again):
                stale = self._own_files().keys() - {*names, RUN, MARK}
                self._remove(RUN)
                self._make_folders(names)
                with closing(map_in_order(put_changed, names, IN_FLIGHT)) as done:
                    for _ in done:
                        advance()
                with closing(map_in_order(self._remove, sorted(stale), IN_FLIGHT)) as removed:
                    for _ in removed:
                        pass
                self._put(folder, RUN)
                self._remove(MARK)
        except KeyboardInterrupt:
            raise InterruptedRunError(f"Stopped while uploading. {again}") from None

    def _make_folders(self, names: Iterable[str]) -> None:
        """Makes the folders of files where the file system has such."""
        protocol = self.system.protocol
        if _WITH_FOLDERS.isdisjoint([protocol] if isinstance(protocol, str) else protocol):
            return
        for folder in sorted({os.path.dirname(self._key_of(name)) for name in names}):  # noqa: PTH120
            insist(partial(self.system.makedirs, folder, exist_ok=True))

    def _put(self, folder: Path, name: str) -> None:
        insist(partial(self.system.put_file, str(folder / name), self._key_of(name)))

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            insist(partial(self.system.rm_file, self._key_of(name)))

    def _read(self, name: str) -> bytes | None:
        """Returns the content of a file there; None without one."""
        with self._sentences("read"), suppress(FileNotFoundError):
            content: bytes = insist(partial(self.system.cat_file, self._key_of(name)))
            return content
        return None

    def _key_of(self, name: str) -> str:
        return f"{self.key}/{name}"

    def _holds_anything(self) -> bool:
        with self._sentences("read"), suppress(FileNotFoundError):
            self.system.invalidate_cache()
            found = insist(partial(self.system.ls, self.key, detail=False))
            return any(each.strip("/") != self.key.strip("/") for each in found)
        return False

    def _list(self) -> dict[str, int | None]:
        """Returns the files by their names below the address; none where nothing is."""
        found: dict[str, int | None] = {}
        with self._sentences("read"), suppress(FileNotFoundError):
            self.system.invalidate_cache()
            found = list_files(self.system, self.key)
        start = f"{self.key.strip('/')}/"
        return {key.strip("/").removeprefix(start): size for key, size in found.items()}

    def _own_files(self) -> dict[str, int | None]:
        """Returns the files that a run wrote; what else lies there is left alone."""
        return {name: size for name, size in self._list().items() if _is_name_of_a_run(name)}

    def _refuse_work_of_others(self) -> None:
        """Makes sure that no corrections of annotations are lost, nor files beside those of a run.

        The folders of annotations and of rows are uploaded as a whole.
        """
        folder = ResultsFolder(Path())
        annotations = self._read_digests(folder.annotation_digests.name)
        known = {*annotations, *self._read_digests(folder.row_digests.name)}
        for name in sorted(self._own_files().keys() - known):
            if PurePosixPath(name).parts[0] in {ANNOTATIONS, ROWS}:
                raise UsageError(
                    f"'{self.address}/{name}' was written by no run. Move it to another place "
                    "first, so that it is not lost."
                )
        with self._sentences("read"):
            check = map_in_order(self._require_unedited, annotations.items(), IN_FLIGHT)
            with closing(check) as done:
                for _ in done:
                    pass

    def _read_digests(self, name: str) -> dict[str, str]:
        """Returns the digests of a list there by the names of the files; none without a list."""
        content = self._read(name)
        if content is None:
            return {}
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, name)
            copy.write_bytes(content)
            return dict(read_digests(copy))

    def _require_unedited(self, listed: tuple[str, str]) -> None:
        name, digest = listed
        with suppress(FileNotFoundError):
            data = insist(partial(self.system.cat_file, self._key_of(name)))
            if hashlib.sha256(data).hexdigest() != digest:
                raise UsageError(
                    f"'{self.address}/{name}' was edited since the run wrote it, and would be "
                    "written anew. Move the annotations to another place first, so that no "
                    "correction is lost."
                )

    @contextmanager
    def _sentences(self, done: str, again: str = "") -> Iterator[None]:
        """Turns errors of the file system into sentences."""
        try:
            yield
        except UsageError:
            raise
        except Exception as error:  # each file system has errors of its own
            then = f" {again}" if again else ""
            raise UsageError(f"'{self.address}' {why(error, done)}{then}") from error


def local_files(folder: Path) -> list[str]:
    """Returns the files of a results folder to upload but run.json, by their names, sorted."""
    return sorted(
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file()
        and not file.name.startswith(UNFINISHED)
        and file.name not in {LOCK, RUN, _OWN_MARK}
    )


def _is_name_of_a_run(name: str) -> bool:
    """Tells whether a run writes files of such a name; one that leads out of the folder is none."""
    path = PurePosixPath(name)
    own = {RUN, MARK, *(each.name for each in ResultsFolder(Path()).files)}
    return ".." not in path.parts and (name in own or path.parts[0] in _FOLDERS)


def _signature(file: Path) -> Signature:
    found = file.stat()
    return found.st_size, found.st_mtime_ns
