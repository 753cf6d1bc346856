"""Where results go: a folder on this machine, or an address to which they are uploaded."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.choices import OnExisting
from capsule_inspect.files import StrPath
from capsule_inspect.inference.addresses import is_remote
from capsule_inspect.inference.remote_results import RemoteResults, Signature, local_files
from capsule_inspect.inference.results_folder import (
    OpenResults,
    ResultsFolder,
    RunSettings,
    check_results,
    open_results,
)
from capsule_inspect.reporter import Reporter
from capsule_inspect.runs.run_folder import RUNS, slug


@dataclass(frozen=True)
class Destination:
    """Where results go.

    Attributes:
        folder: The folder that the run works in; None for a new one below `runs`.
        remote: Where it is uploaded to; None to keep it.
    """

    folder: Path | None
    remote: RemoteResults | None = None

    @property
    def address(self) -> str:
        """The address that the folder is uploaded to; empty without one."""
        return self.remote.address if self.remote else ""

    @contextmanager
    def opened(
        self, folder: Path, settings: RunSettings, on_existing: OnExisting, reporter: Reporter
    ) -> Iterator[OpenResults]:
        """Opens the folder as `open_results` does, and uploads it after the block.

        The folder is then removed. Where the block or the upload fails it stays, and the same run
        can be resumed, unless another run has begun or ended at the address since.

        Args:
            folder: The folder; `self.folder`, or a new one.
            settings: The settings of the run.
            on_existing: What to do with a run that is there already.
            reporter: Follows the transfers.

        Raises:
            UsageError: The folder or the address cannot be used, or another run has used it since.
            InterruptedRunError: The user stopped the upload.
        """
        remote = self.remote
        if remote is None:
            with open_results(folder, settings, on_existing, reporter.warn) as results:
                yield results
            return
        holds_work = ResultsFolder(folder).run_file.exists()
        is_continued = on_existing == "resume" and holds_work
        if is_continued:
            remote.refuse_another_run(
                folder,
                "Remove that folder to continue what is there now, or start again with "
                "--overwrite.",
            )
        try:
            kept: Mapping[str, Signature] = {}
            if on_existing == "resume" and not is_continued:
                kept = _download(remote, folder, reporter)
            with open_results(
                folder, settings, on_existing, reporter.warn, named=remote.address
            ) as results:
                if not is_continued:
                    remote.begin(settings.to_json(), folder)
                holds_work = True
                yield results
                with reporter.progress(len(local_files(folder)), "Uploading", "files") as advance:
                    remote.upload(folder, kept, advance)
                holds_work = False
        finally:
            if not holds_work:
                shutil.rmtree(folder, ignore_errors=True)


def _download(remote: RemoteResults, folder: Path, reporter: Reporter) -> Mapping[str, Signature]:
    """Fetches the run at an address if it is whole, into a folder that holds nothing yet."""
    if not remote.is_whole():
        return {}
    shutil.rmtree(folder, ignore_errors=True)
    with reporter.progress(remote.count(), "Downloading", "files") as advance:
        return remote.download(folder, advance)


def find_destination(out: StrPath | None, on_existing: OnExisting) -> Destination:
    """Makes sure that results can go where they are asked to, before any work is done.

    Args:
        out: A folder, or an address as text; None for a new folder below `runs`.
        on_existing: What to do with a run that is there already.

    Raises:
        MissingExtraError: The packages for this address are not installed.
        UsageError: What is there forbids what was asked.
    """
    if out is None:
        return Destination(None)
    if isinstance(out, str) and is_remote(out):
        remote = RemoteResults.open(out)
        remote.check(on_existing)
        folder = _working_folder(remote.address)
        check_results(folder, on_existing)
        return Destination(folder, remote)
    folder = Path(out)
    check_results(folder, on_existing)
    return Destination(folder)


def _working_folder(address: str) -> Path:
    """Returns the folder for results of an address; the same again, so that a run can go on."""
    digest = hashlib.sha256(address.encode()).hexdigest()[:8]
    return RUNS / "predict" / f"{slug(address)}-{digest}"
