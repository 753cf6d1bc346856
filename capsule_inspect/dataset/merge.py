"""Add corrected pictures to a data set folder, with a history of who changed what."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path, PurePath
from typing import Final

from capsule_inspect.choices import GOOD
from capsule_inspect.dataset.data_set import (
    CORRECTED,
    DataSet,
    class_order,
    read_dataset,
    write_dataset,
)
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.newcomers import place_newcomers
from capsule_inspect.dataset.problems import Problem, UnfitDataError
from capsule_inspect.dataset.verdicts import Verdict, read_verdicts
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.files import write_bytes
from capsule_inspect.folder_lock import FolderLock, HeldError
from capsule_inspect.inference.corrections import CORRECTIONS, read_corrections, require_new_classes
from capsule_inspect.inference.records import csv_line, guard_text
from capsule_inspect.inference.result_names import mark_name, safe_name
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.settings.groups import DataSettings
from capsule_inspect.text import counted, on_one_line, printable

HISTORY: Final = "history.csv"
"""The file in a data set folder that tells who changed which label."""


@dataclass(frozen=True)
class Change:
    """A picture that got another label, or is new; the names are the columns of the history.

    Attributes:
        time: When it was judged.
        reviewer: Who judged it.
        path: Its path in the manifest.
        sha256: Hash of its pixels.
        split: Its split.
        old_label: Its label before; empty if it is new.
        new_label: Its label now.
        old_mask: Its mask before, where the new label has none.
        picture: The path of the picture that was judged.
        corrections: The file of judgements.
    """

    time: str
    reviewer: str
    path: str
    sha256: str
    split: str
    old_label: str
    new_label: str
    old_mask: str
    picture: str
    corrections: str

    @property
    def is_new(self) -> bool:
        """Whether the data set did not have the picture."""
        return not self.old_label


@dataclass(frozen=True)
class Merged:
    """A data set folder to which corrections were added.

    Attributes:
        data: The data set.
        changes: What changed; empty if all was as the corrections say.
        problems: Everything worth a warning, and with `skip_bad` what was left out.
        judged: The number of distinct pictures with a label.
    """

    data: DataSet
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    judged: int


def add_to_dataset(
    source: Path,
    folder: Path,
    settings: DataSettings,
    skip_bad: bool = False,
    reporter: Reporter = SILENT,
    *,
    new_classes: Sequence[str] = (),
) -> Merged:
    """Gives pictures of a data set the labels that people gave them, and adds new pictures.

    A picture that the data set has, by its pixels, keeps its split and fold. A new one is copied
    into the folder `CORRECTED`, unless it lies below the root already. The same corrections twice
    change nothing.

    Args:
        source: A results folder with a corrections.csv, or such a file.
        folder: The data set folder.
        settings: The pattern of parts.
        skip_bad: Leave out pictures with fatal problems instead of refusing.
        reporter: Follows the progress.
        new_classes: Classes of defects that the data set does not have yet.

    Raises:
        UsageError: A class cannot be called so, the folder cannot be written, or another process
            adds to it.
        DataError: There are no corrections, or a file is damaged.
        UnfitDataError: Pictures have fatal problems; nothing was written.
    """
    require_new_classes(new_classes)
    file = _corrections_file(source)
    corrections = read_corrections(file)
    data = read_dataset(folder)  # says what is wrong with the folder before it is locked
    try:
        with FolderLock(folder, warn=reporter.warn):
            data = read_dataset(folder)
            with reporter.progress(len({each.path for each in corrections}), "Reading") as advance:
                classes = (*data.classes, *new_classes)
                verdicts, problems = read_verdicts(corrections, classes, data.bits, advance)
            merge = _Merge(folder, data, file.resolve())
            more = merge.add(verdicts, settings)
            problems = (*problems, *more)
            _refuse_fatal(source, problems, skip_bad)
            merged = merge.write()
    except HeldError:
        raise UsageError(
            f"Another process adds corrections to '{folder}' now. Wait for it."
        ) from None
    except OSError as error:
        raise UsageError(f"Cannot write to '{folder}': {error.strerror or error}.") from error
    return Merged(merged, tuple(merge.changes), problems, len(verdicts))


def _corrections_file(source: Path) -> Path:
    if not source.is_dir():
        return source
    file = source / CORRECTIONS
    if not file.is_file():
        raise DataError(
            f"'{source}' has no {CORRECTIONS}. Judge its pictures first with `capsule-inspect "
            "review`, or name the file that a report has saved."
        )
    return file


def _refuse_fatal(source: Path, problems: Sequence[Problem], skip_bad: bool) -> None:
    fatal = sum(problem.fatal for problem in problems)
    if fatal and not skip_bad:
        raise UnfitDataError(
            f"'{source}' has {counted(fatal, 'problem')}, so nothing was written. Mend them, or "
            "leave those pictures out with --skip-bad.",
            tuple(problems),
        )


class _Merge:
    """The merge of verdicts into a data set; nothing is written before `write`."""

    def __init__(self, folder: Path, data: DataSet, corrections: Path) -> None:
        self.changes: list[Change] = []
        self._folder, self._data, self._corrections = folder, data, corrections
        self._samples = {sample.path: sample for sample in data.samples}
        self._copies: dict[str, bytes] = {}

    def add(self, verdicts: Sequence[Verdict], settings: DataSettings) -> tuple[Problem, ...]:
        """Adds verdicts; returns the problems."""
        known: dict[str, list[Sample]] = {}
        for sample in self._data.samples:
            known.setdefault(sample.sha256, []).append(sample)
        problems = [
            problem
            for verdict in verdicts
            for sample in known.get(verdict.sha256, ())
            for problem in self._relabel(sample, verdict)
        ]
        new = {each.decided_by.path: each for each in verdicts if each.sha256 not in known}
        bare = {path: _sample_of(verdict) for path, verdict in new.items()}
        placed, more = place_newcomers(
            tuple(self._samples.values()), bare, settings, self._data.seed
        )
        by_hash = {verdict.sha256: verdict for verdict in new.values()}
        for sample in placed:
            self._join(sample, by_hash[sample.sha256])
        return (*problems, *more)

    def _relabel(self, sample: Sample, verdict: Verdict) -> tuple[Problem, ...]:
        if sample.label == verdict.label:
            return ()
        # Where a defect is stays true if only its class was wrong.
        keeps = GOOD not in {sample.label, verdict.label}
        mask = (sample.mask, sample.mask_sha256) if keeps else ("", "")
        changed = replace(sample, label=verdict.label, mask=mask[0], mask_sha256=mask[1])
        self._samples[sample.path] = changed
        self._note(changed, verdict, sample.label, "" if keeps else sample.mask)
        if sample.split != "test":
            return ()
        message = "Its label changes in the test split: compare no figure with one from before."
        return (Problem(sample.path, message, fatal=False),)

    def _join(self, sample: Sample, verdict: Verdict) -> None:
        path = self._place_of(verdict)
        self._samples[path] = replace(sample, path=path)
        self._note(self._samples[path], verdict, "", "")

    def _place_of(self, verdict: Verdict) -> str:
        """Returns the path of a new picture in the manifest."""
        root, file = self._data.root.resolve(), verdict.file.resolve()
        if file.is_relative_to(root):
            path = file.relative_to(root).as_posix()
            if path == on_one_line(path) and path not in self._samples:
                return path
        self._require_own_folder()
        path = f"{CORRECTED}/{safe_name(PurePath(printable(str(verdict.file))))}"
        if path.casefold() in {known.casefold() for known in self._samples}:
            path = mark_name(path, verdict.sha256)
        self._copies[path] = verdict.data
        return path

    def _require_own_folder(self) -> None:
        has_own = any(path.startswith(f"{CORRECTED}/") for path in self._samples)
        root_is_other = self._data.root.resolve() != self._folder.resolve()
        if self._data.corrected_root is None and has_own and root_is_other and not self._copies:
            raise DataError(
                f"The pictures of '{self._folder}' have a folder `{CORRECTED}`, whose name "
                "corrections need. Rename it, and prepare the data again."
            )

    def _note(self, sample: Sample, verdict: Verdict, old_label: str, old_mask: str) -> None:
        self.changes.append(
            Change(
                time=verdict.decided_by.time,
                reviewer=verdict.decided_by.reviewer,
                path=sample.path,
                sha256=sample.sha256,
                split=sample.split,
                old_label=old_label,
                new_label=sample.label,
                old_mask=old_mask,
                picture=verdict.decided_by.path,
                corrections=printable(str(self._corrections)),
            )
        )

    def write(self) -> DataSet:
        """Writes pictures, history and at last the manifest; returns the data set.

        Raises:
            OSError: The folder cannot be written.
        """
        data = self._data
        if not self.changes:
            return data
        for path, content in self._copies.items():
            file = self._folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, content)
        _write_history(self._folder / HISTORY, self.changes)
        samples = tuple(sorted(self._samples.values(), key=lambda sample: sample.path))
        classes = class_order(sample.label for sample in samples)
        root = self._folder.resolve() if self._copies else data.corrected_root
        data = replace(data, samples=samples, corrected_root=root)
        # With all classes first: whoever reads between the two files finds each label named.
        write_dataset(self._folder, replace(data, classes=class_order((*data.classes, *classes))))
        if set(classes) != set(data.classes):
            write_dataset(self._folder, replace(data, classes=classes))
        return replace(data, classes=classes)


def _sample_of(verdict: Verdict) -> Sample:
    return Sample(
        path="",
        label=verdict.label,
        mask="",
        split="",
        fold=None,
        sha256=verdict.sha256,
        width=verdict.width,
        height=verdict.height,
    )


def _write_history(file: Path, changes: Sequence[Change]) -> None:
    header = csv_line([field.name for field in fields(Change)])
    before = file.read_bytes() if file.exists() else header
    if not before.startswith(header):
        raise DataError(
            f"'{file}' was edited by another program. Save it with commas and as UTF-8, or move it "
            "away."
        )
    if not before.endswith(b"\n"):
        before += b"\n"
    lines = (csv_line([guard_text(str(cell)) for cell in astuple(each)]) for each in changes)
    # A merge that was killed between the history and the manifest is done again.
    new = b"".join(line for line in lines if line not in before)
    write_bytes(file, before + new)
