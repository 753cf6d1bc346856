"""The folder that `predict` writes to: its files, their names and its lock."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from capsule_inspect.choices import DEFAULT_ON_EXISTING, OnExisting, PictureFormat
from capsule_inspect.errors import UsageError
from capsule_inspect.files import DISK_ERRORS, DISK_FULL, UNFINISHED, hash_file, write_bytes
from capsule_inspect.folder_lock import LOCK, FolderLock, HeldError
from capsule_inspect.inference.annotations.listed import refuse_edited, remove_listed
from capsule_inspect.inference.parts import Part, refuse_other_part
from capsule_inspect.inference.seal import ADDED, DIGESTS, DRIFT, Seal, sealed, to_json


@contextmanager
def sentences_for(out: Path) -> Iterator[None]:
    """Turns errors of writing into sentences for a person.

    Args:
        out: The results folder; the sentence names it where the error names no file.

    Raises:
        UsageError: Something could not be written.
    """
    try:
        yield
    except OSError as error:
        where, reason = error.filename or out, error.strerror or error
        room = "Make room and continue" if error.errno in DISK_FULL else "Continue"
        advice = (
            "Name a folder that you can write to with -o."
            if error.errno in DISK_ERRORS - DISK_FULL
            else f"{room} with --resume, or name another folder with -o; rows written so far are "
            "whole."
        )
        raise UsageError(f"'{where}' cannot be written: {reason}. {advice}") from error


MADE_BY = "capsule-inspect predict"
"""The mark in run.json by which a folder of `predict` is known."""

_OVERLAYS, _MASKS = "overlays", "masks"

PICTURE_FOLDERS = (_OVERLAYS, _MASKS)
"""The folders in a results folder that hold pictures."""

ANNOTATIONS: Final = "annotations"
"""The folder in a results folder that holds files of another tool's format."""

ROWS: Final = "rows"
"""The folder in a results folder that holds the rows as Parquet."""


@dataclass(frozen=True)
class ResultsFolder:
    """The names of the files in a results folder, and what they tell.

    Attributes:
        path: The folder, which need not exist.
    """

    path: Path

    @property
    def records(self) -> Path:
        """The rows: one per capsule, and one for every file that gave none."""
        return self.path / "predictions.csv"

    @property
    def run_file(self) -> Path:
        """The settings of the run; written first."""
        return self.path / "run.json"

    @property
    def digests(self) -> Path:
        """The digests of all pictures and of their results."""
        return self.path / "digests.csv"

    @property
    def report(self) -> Path:
        """The page to look through, if one was asked for."""
        return self.path / "report.html"

    @property
    def annotations(self) -> Path:
        """The folder of annotations in another tool's format, if they were asked for."""
        return self.path / ANNOTATIONS

    @property
    def annotation_lines(self) -> Path:
        """What these annotations are made from: a line for each picture."""
        return self.path / "annotations.jsonl"

    @property
    def annotation_digests(self) -> Path:
        """The digests of these annotations, as `sha256sum` writes them."""
        return self.path / "annotations.sha256"

    @property
    def removed(self) -> Path:
        """The list of overlays and masks that a watch removed, since they were old or too many."""
        return self.path / "removed.csv"

    @property
    def row_files(self) -> Path:
        """The folder of the rows as Parquet, if they were asked for."""
        return self.path / ROWS

    @property
    def row_digests(self) -> Path:
        """The digests of these files, as `sha256sum` writes them."""
        return self.path / "rows.sha256"

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of a run outside of folders; they need not exist."""
        return (
            *(self.records, self.run_file, self.digests, self.report),
            *(self.annotation_lines, self.annotation_digests, self.row_digests),
        )

    @staticmethod
    def overlay_name(picture: str, picture_format: "PictureFormat") -> str:
        """Returns the name of a picture's overlay, relative to the folder, POSIX.

        Args:
            picture: The name of the picture's results.
            picture_format: The format of the overlay, and its extension.
        """
        return f"{_OVERLAYS}/{picture}.{picture_format}"

    @staticmethod
    def mask_name(picture: str) -> str:
        """Returns the name of a picture's mask, likewise."""
        return f"{_MASKS}/{picture}.png"

    def holds(self, name: str) -> bool:
        """Tells whether a file is there in full, by its name relative to the folder."""
        try:
            return (self.path / name).stat().st_size > 0
        except OSError:
            return False

    def read_run(self) -> dict[str, object]:
        """Returns the content of run.json; empty if it cannot be read."""
        try:
            document = json.loads(self.run_file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    def read_seal(self) -> Seal | None:
        """Returns the seal in run.json; None if there is none, or no sound one."""
        found = self.read_run().get(DIGESTS)
        try:
            return None if found is None else Seal(**found)  # type: ignore[arg-type]
        except TypeError:
            return None

    def is_of_a_run(self) -> bool:
        """Tells whether `predict` made the folder."""
        return self.read_run().get("made_by") == MADE_BY


@dataclass(frozen=True)
class RunSettings:
    """The settings that decide the results of a run; it can be resumed with the same ones.

    The names are the keys of run.json.

    Attributes:
        version: The version of this package.
        model: SHA-256 of the model's flatbuffer.
        classes: Class names in the model's order.
        temperature: Divides the label logits before the softmax.
        threshold: A capsule is good exactly where its defect score is below this.
        mask_threshold: A pixel is defect where its defect probability is at least this.
        overlays: Which pictures get an overlay.
        overlay_format: The format of overlays.
        masks: Whether masks are written.
        max_pixels: Larger pictures are refused.
        bits: The bits of 16 that the camera uses; None for what each file says, or 16.
        annotations: The format of the annotations; None for none.
        accept_below: The end of the review band; None without one.
        reject_from: Its other end.
        part: The part of the pictures; None for a run over all of them.
    """

    version: str
    model: str
    classes: tuple[str, ...]
    temperature: float
    threshold: float
    mask_threshold: float
    overlays: str
    overlay_format: str
    masks: bool
    max_pixels: int
    bits: int | None = None
    annotations: str | None = None
    accept_below: float | None = None
    reject_from: float | None = None
    part: Part | None = None

    def to_json(self) -> bytes:
        """Returns the content of run.json at the beginning of a run."""
        settings = {"made_by": MADE_BY, **asdict(self)}
        for later in ("bits", "annotations", "accept_below", "reject_from", "part"):
            if settings[later] is None:
                del settings[later]
        return to_json(settings)


@dataclass(frozen=True)
class OpenResults(ResultsFolder):
    """A results folder that is locked for this process and ready to be written.

    `open_results` makes it. Pass it on to whatever writes results.

    Attributes:
        named: What a person names with -o to go on with this run, if not the folder.
    """

    named: str = ""

    @property
    def place(self) -> str:
        """What follows -o."""
        return self.named or str(self.path)

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, so that nobody ever sees half of it; any thread may call it.

        After a power cut the file can be empty, which `holds` notices. Waiting for the disk after
        each file would be safer, but a busy disk would stop the batch for seconds.

        Args:
            name: Relative to the folder, POSIX.
            data: The content.

        Raises:
            UsageError: The folder cannot be written.
        """
        file = self.path / name
        with sentences_for(self.path):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, data)

    def remove(self, name: str) -> None:
        """Removes a file that no row names any more.

        Raises:
            UsageError: The folder cannot be written.
        """
        with sentences_for(self.path):
            (self.path / name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Removes rows, digests, annotations, overlays, masks, removed.csv; the settings stay.

        Raises:
            UsageError: The folder cannot be written.
        """
        with sentences_for(self.path):
            _remove_results(self)

    def write_drift(self, shifts: Sequence[Mapping[str, object]]) -> None:
        """Writes into run.json how the pictures differ from the training pictures.

        Args:
            shifts: The medians outside their range, each as a JSON object.
        """
        self.write(self.run_file.name, to_json({**self.read_run(), DRIFT: shifts}))

    def seal(self, seal: "Seal") -> None:
        """Writes into run.json what the digests of the finished run end with."""
        self.write(self.run_file.name, sealed(self.read_run(), seal))

    @contextmanager
    def sealed_again(self) -> Iterator[None]:
        """Takes the seal off while the block writes the report, and then seals it, too."""
        seal = self.read_seal()
        self.unseal()
        yield
        if seal is not None:
            self.seal(replace(seal, report=hash_file(self.report)))

    def unseal(self) -> None:
        """Removes the seal from run.json, since results are about to change."""
        run = self.read_run()
        if run.pop(DIGESTS, None) is not None:
            self.write(self.run_file.name, to_json(run))


def check_results(path: Path, on_existing: OnExisting) -> None:
    """Makes sure that a folder can take results as asked, before any work is done.

    Args:
        path: The folder, which need not exist.
        on_existing: What to do with a folder that already holds something.

    Raises:
        UsageError: It is not a folder, or its content forbids what was asked.
    """
    with sentences_for(path):
        if os.path.lexists(path) and not path.is_dir():
            raise UsageError(f"The output '{path}' is not a folder. Name another with -o.")
        if not path.is_dir() or all(_is_ours_and_empty(entry.name) for entry in path.iterdir()):
            return
    if not ResultsFolder(path).is_of_a_run():
        hint = " No run.json says that this command made it." if on_existing != "refuse" else ""
        raise UsageError(
            f"The output folder '{path}' is not empty.{hint} Name another with -o, or remove it."
        )
    if on_existing == "refuse":
        raise UsageError(
            f"The output folder '{path}' is not empty. Continue its run with --resume, start it "
            "again with --overwrite, or name another folder with -o."
        )


@contextmanager
def open_results(
    path: Path,
    settings: RunSettings,
    on_existing: OnExisting = DEFAULT_ON_EXISTING,
    warn: Callable[[str], None] = lambda _: None,
    named: str = "",
) -> Iterator[OpenResults]:
    """Locks a results folder for this process and makes it ready.

    `resume` keeps what an earlier run finished, except its report, its annotations and its rows as
    Parquet, which are made anew. `overwrite` removes its rows, settings, report, annotations, the
    folders `overlays` and `masks` and the list of what a watch removed there, and nothing else.

    Args:
        path: The folder; made if need be.
        settings: The settings of the run.
        on_existing: What to do with a folder that already holds something.
        warn: Told in a sentence if the file system has no locks.
        named: The address that the results are uploaded to; empty for none.

    Yields:
        The folder, until the lock is released.

    Raises:
        UsageError: As for `check_results`; another run uses the folder; the run to resume had other
            settings; someone has edited the annotations.
    """
    check_results(path, on_existing)
    with sentences_for(path):
        path.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(path, warn=warn)
        try:
            lock.acquire()
        except HeldError:
            raise UsageError(
                f"Another run writes to '{path}' now. Wait for it, or name another folder with -o."
            ) from None
    try:
        results = OpenResults(path, named)
        with sentences_for(path):
            _make_ready(results, settings, on_existing)
        yield results
    finally:
        lock.release()


def _make_ready(results: OpenResults, settings: RunSettings, on_existing: OnExisting) -> None:
    check_results(results.path, on_existing)  # again: another run may have come before the lock
    refuse_edited(results.path, results.annotation_digests, results.place)
    _remove_unfinished(results)
    if on_existing == "resume" and results.run_file.exists():
        _require_same(results, settings)
        results.unseal()  # first, so that a killed run is never taken for a whole one
        results.report.unlink(missing_ok=True)  # its rows may be others
        _remove_made_at_the_end(results)
        return
    if results.run_file.exists():
        results.unseal()
    results.report.unlink(missing_ok=True)
    if results.run_file.exists() and on_existing == "overwrite":
        _remove_results(results)
    results.write(results.run_file.name, settings.to_json())


def _remove_results(folder: ResultsFolder) -> None:
    folder.records.unlink(missing_ok=True)
    folder.digests.unlink(missing_ok=True)
    _remove_made_at_the_end(folder)
    folder.annotation_lines.unlink(missing_ok=True)
    folder.removed.unlink(missing_ok=True)
    for name in PICTURE_FOLDERS:
        if os.path.lexists(folder.path / name):
            shutil.rmtree(folder.path / name)


def _remove_made_at_the_end(folder: ResultsFolder) -> None:
    remove_listed(folder.path, folder.annotation_digests, ANNOTATIONS)
    remove_listed(folder.path, folder.row_digests, ROWS)


def _require_same(results: OpenResults, settings: RunSettings) -> None:
    before, now = results.read_run(), json.loads(settings.to_json())
    refuse_other_part(results.place, before.get("part"), now.get("part"))
    keys = dict.fromkeys((*before, *now))
    changed = [key for key in keys if key not in ADDED and before.get(key) != now.get(key)]
    if changed:
        said = ", ".join(f"{key} was {before.get(key)}, now {now.get(key)}" for key in changed)
        raise UsageError(
            f"The run in '{results.place}' was made with other settings ({said}). Resume it with "
            "the same, or start it again with --overwrite."
        )


def _is_ours_and_empty(name: str) -> bool:
    """Tells whether a run can leave this file before it writes any results."""
    return name == LOCK or name.startswith(UNFINISHED)


def _remove_unfinished(folder: ResultsFolder) -> None:
    for pattern in ("", *(f"{name}/**/" for name in (*PICTURE_FOLDERS, ANNOTATIONS))):
        for file in folder.path.glob(f"{pattern}{UNFINISHED}*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
