"""The folder that `predict` writes to: its files, its names and its lock."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath

from capsule_inspect.choices import OnExisting, PictureFormat
from capsule_inspect.errors import UsageError
from capsule_inspect.files import UNFINISHED, write_bytes
from capsule_inspect.text import printable


@contextmanager
def sentences_for(out: Path) -> Iterator[None]:
    """Turns errors of writing into sentences.

    Args:
        out: The results folder, named where an error does not say what could not be written.

    Raises:
        UsageError: Something could not be written.
    """
    try:
        yield
    except OSError as error:
        where, reason = error.filename or out, error.strerror or error
        raise UsageError(
            f"'{where}' cannot be written: {reason}. Make room and go on with --resume, or name "
            "another folder with -o; rows written so far are whole."
        ) from error


MADE_BY = "capsule-inspect predict"
"""What run.json says of the command, by which its folders are known."""

_OVERLAYS, _MASKS = "overlays", "masks"

PICTURE_FOLDERS = (_OVERLAYS, _MASKS)
"""The folders of pictures in a results folder."""


@dataclass(frozen=True)
class ResultsFolder:
    """The files of a batch.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def records(self) -> Path:
        """One row per capsule, and one for every file that gave none."""
        return self.path / "predictions.csv"

    @property
    def run_file(self) -> Path:
        """What the run was made with; written first."""
        return self.path / "run.json"

    @property
    def report(self) -> Path:
        """The page for people, if one was asked for."""
        return self.path / "report.html"

    @staticmethod
    def overlay_name(picture: str, picture_format: "PictureFormat") -> str:
        """Names the overlay of a picture, relative to the folder, POSIX.

        Args:
            picture: What the picture's results are called.
            picture_format: What the overlay is written as; its extension.
        """
        return f"{_OVERLAYS}/{picture}.{picture_format}"

    @staticmethod
    def mask_name(picture: str) -> str:
        """Names the mask of a picture, likewise."""
        return f"{_MASKS}/{picture}.png"

    def write(self, name: str, data: bytes) -> None:
        """Writes a file so that it is never seen half done.

        After a power cut it can be empty, which `holds` tells; to wait for the disk with each file
        would let a busy one stop the batch for seconds.

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

    def holds(self, name: str) -> bool:
        """Tells whether a file that `write` was given is there in full."""
        try:
            return (self.path / name).stat().st_size > 0
        except OSError:
            return False

    def read_run(self) -> dict[str, object]:
        """Returns what the run was made with, as in run.json; nothing if that cannot be known."""
        try:
            document = json.loads(self.run_file.read_bytes())
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def is_of_a_run(self) -> bool:
        """Tells whether `predict` has made the folder."""
        return self.read_run().get("made_by") == MADE_BY


@dataclass(frozen=True)
class RunSettings:
    """All that decides the results of a run: it can be resumed with the same.

    The names are the keys of run.json.

    Attributes:
        version: Of this package.
        model: SHA-256 of the model's flatbuffer.
        classes: Class names in the model's order.
        temperature: Divides the label logits before the softmax.
        threshold: A capsule is good exactly where its defect score is below this.
        mask_threshold: A pixel is defect where its defect probability is at least this.
        overlays: Which pictures get an overlay.
        overlay_format: What overlays are written as.
        masks: Whether masks are written.
        max_pixels: Larger pictures are refused.
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

    def to_json(self) -> bytes:
        """Returns the content of run.json."""
        document = {"made_by": MADE_BY, **asdict(self)}
        return f"{json.dumps(document, indent=2)}\n".encode()


_LOCK = ".lock"


def check_results(folder: ResultsFolder, on_existing: OnExisting) -> None:
    """Makes sure that a results folder can be used as asked, before any work is done.

    Args:
        folder: The folder, which need not be there.
        on_existing: What to do with a folder that holds something already.

    Raises:
        UsageError: It is not a folder, or what it holds is not to be used.
    """
    out = folder.path
    with sentences_for(out):
        if os.path.lexists(out) and not out.is_dir():
            raise UsageError(f"The output '{out}' is not a folder. Name another with -o.")
        if not out.is_dir() or all(_is_ours_and_empty(entry.name) for entry in out.iterdir()):
            return
    if not folder.is_of_a_run():
        hint = " No run.json says that this command made it." if on_existing != "refuse" else ""
        raise UsageError(
            f"The output folder '{out}' is not empty.{hint} Name another with -o, or remove it."
        )
    if on_existing == "refuse":
        raise UsageError(
            f"The output folder '{out}' is not empty. Go on with its run by --resume, start it "
            "again with --overwrite, or name another folder with -o."
        )


@contextmanager
def open_results(
    folder: ResultsFolder, settings: RunSettings, on_existing: OnExisting = "refuse"
) -> Iterator[None]:
    """Has a results folder for this process alone, ready to be written.

    With `resume`, what an earlier run finished stays, but for its report; with `overwrite` its
    rows, settings and report and the folders `overlays` and `masks` are removed, and nothing else.

    Args:
        folder: The folder; made if need be.
        settings: What the run is made with.
        on_existing: What to do with a folder that holds something already.

    Raises:
        UsageError: As for `check_results`; another run uses the folder; a run to be resumed was
            made with other settings.
    """
    from filelock import FileLock, Timeout  # a list of runs does without

    check_results(folder, on_existing)
    with sentences_for(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.path / _LOCK, blocking=False)
        try:
            lock.acquire()
        except Timeout:
            raise UsageError(
                f"Another run writes to '{folder.path}' now. Wait for it, or name another folder "
                "with -o."
            ) from None
    try:
        with sentences_for(folder.path):
            _make_ready(folder, settings, on_existing)
        yield
    finally:
        lock.release()


def _make_ready(folder: ResultsFolder, settings: RunSettings, on_existing: OnExisting) -> None:
    check_results(folder, on_existing)  # once more: another run may have come before the lock
    _remove_unfinished(folder)
    folder.report.unlink(missing_ok=True)  # or it could be of other rows
    if folder.run_file.exists():
        if on_existing == "resume":
            _require_same(folder, settings)
            return
        folder.records.unlink(missing_ok=True)
        for name in PICTURE_FOLDERS:
            if os.path.lexists(folder.path / name):
                shutil.rmtree(folder.path / name)
    folder.write(folder.run_file.name, settings.to_json())


def _require_same(folder: ResultsFolder, settings: RunSettings) -> None:
    before, now = folder.read_run(), json.loads(settings.to_json())
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if changed:
        said = ", ".join(f"{key} was {before.get(key)}, now {now.get(key)}" for key in changed)
        raise UsageError(
            f"The run in '{folder.path}' was made otherwise ({said}). Resume it with the same, or "
            "start it again with --overwrite."
        )


def _is_ours_and_empty(name: str) -> bool:
    """Tells whether a file is one that a run leaves before it has begun to write results."""
    return name == _LOCK or name.startswith(UNFINISHED)


def _remove_unfinished(folder: ResultsFolder) -> None:
    for pattern in ("", *(f"{name}/**/" for name in PICTURE_FOLDERS)):
        for file in folder.path.glob(f"{pattern}{UNFINISHED}*"):
            file.unlink()


_MAX_COMPONENT_BYTES = 240
"""Of one name in a results folder: file systems allow 255, and endings come on top."""
_MAX_NAME_BYTES = 1024
"""Of a whole name, so that it fits under any sensible output folder (Linux allows 4096)."""


def safe_name(way: PurePath) -> str:
    """Spells the way to a file so that it cannot lead out of the folder it is joined to.

    Args:
        way: Absolute or relative, of any length.

    Returns:
        A relative POSIX path of UTF-8 text, short enough for any file system.
    """
    parts = [part for part in way.parts if part not in {way.anchor, "..", "."}]
    safe = "/".join(_shorten(printable(part)) for part in parts)
    if len(safe.encode()) <= _MAX_NAME_BYTES:
        return safe
    return mark_name(_shorten(printable(way.name)), printable(str(way)))


def mark_name(name: str, source: str) -> str:
    """Tells a name from others by a short digest, put before its extension.

    Args:
        name: A safe name.
        source: What the digest is of.
    """
    digest = hashlib.sha256(source.encode("utf-8")).hexdigest()[:10]
    parent, _, last = name.rpartition("/")
    suffix = PurePath(last).suffix
    marked = f"{last.removesuffix(suffix)}-{digest}{suffix}"
    return f"{parent}/{marked}" if parent else marked


def _shorten(component: str) -> str:
    if len(component.encode()) <= _MAX_COMPONENT_BYTES:
        return component
    suffix = PurePath(component).suffix
    suffix = suffix if len(suffix.encode()) < 16 else ""
    start = component.encode()[: _MAX_COMPONENT_BYTES - 40].decode("utf-8", "ignore")
    return mark_name(start + suffix, component)
