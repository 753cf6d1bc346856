"""Compare a measured model with human inspectors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.evaluation.agreement import Agreement, compare
from capsule_inspect.evaluation.cross_validation import CrossValidation
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.evaluation_folder import (
    AGREEMENT_PAGE,
    COMPARISON_FILES,
    write_agreement,
)
from capsule_inspect.evaluation.inspectors import Verdict, read_verdicts
from capsule_inspect.files import StrPath, write_text
from capsule_inspect.text import counted


@dataclass(frozen=True)
class Comparison:
    """A model beside human inspectors.

    Attributes:
        agreement: The figures.
        page: The page to look through.
    """

    agreement: Agreement
    page: Path


def verdicts_on(
    data: DataSet, measured: Iterable[Sample], file: StrPath | None
) -> tuple[Verdict, ...]:
    """Reads the verdicts of inspectors on a data set, before anything is measured.

    Args:
        data: The data set.
        measured: The pictures that will be measured.
        file: The file; None without inspectors.

    Returns:
        All verdicts of the file; empty without a file.

    Raises:
        DataError: The file cannot be used, or no verdict is on a picture that will be measured.
    """
    if file is None:
        return ()
    known = (sample.path for sample in data.samples)
    paths = {sample.path for sample in measured}
    return _read_common(Path(file), known, paths, data.classes)


def _read_common(
    file: Path, known: Iterable[str], measured: set[str], classes: Sequence[str]
) -> tuple[Verdict, ...]:
    """Reads verdicts; raises DataError if none is on a picture that is measured."""
    verdicts = read_verdicts(file, known, classes)
    if measured.isdisjoint(each.path for each in verdicts):
        raise DataError(
            f"'{file}' has no verdict on the pictures that are measured. Measure those that "
            "people read: choose another --split, such as all."
        )
    return verdicts


def compare_stored(
    measured: CrossValidation, against: Path, folder: Path, model: Path, overwrite: bool
) -> Comparison:
    """Compares stored predictions with inspectors, and writes the files of the comparison.

    Args:
        measured: The predictions.
        against: The file with the verdicts.
        folder: The folder to write to; it may hold other files.
        model: The file of the predictions, as people know it.
        overwrite: Whether a comparison in the folder may be replaced.

    Raises:
        DataError: The verdicts cannot be used, or are on other pictures.
        UsageError: The folder holds a comparison that may not be replaced, or cannot be created.
        OSError: A file cannot be written.
    """
    evaluation = measured.pooled
    paths = {each.path for each in evaluation.judgements}
    verdicts = _read_common(against, paths, paths, evaluation.classes)
    found = [name for name in COMPARISON_FILES if (folder / name).exists()]
    if found and not overwrite:
        raise UsageError(
            f"'{folder}' holds a comparison already: {', '.join(found)}. Name another folder with "
            f"-o, or replace it with -o '{folder}' --overwrite."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder '{folder}' cannot be created: {error.strerror}.") from error
    return compare_with_inspectors(evaluation, verdicts, folder, model, measured.caution)


def compare_with_inspectors(
    evaluation: Evaluation,
    verdicts: Sequence[Verdict],
    folder: Path,
    model: Path,
    caution: str = "",
) -> Comparison:
    """Compares a measured model with inspectors, and writes the files of the comparison.

    Args:
        evaluation: The evaluation. With several seeds, the first one counts, as in report.html.
        verdicts: At least one on a picture that was measured.
        folder: The results folder.
        model: The model, as people know it.
        caution: A sentence if its figures are not what they seem, else empty.

    Raises:
        OSError: A file cannot be written.
    """
    # Jinja takes a while.
    from capsule_inspect.pages.agreement_page import make_agreement_page

    judgements = evaluation.judgements[: len(evaluation.judgements) // evaluation.seeds]
    agreement = compare(judgements, verdicts, evaluation.classes)
    write_agreement(folder, agreement)
    title = f"{model.name} beside {counted(len(agreement.inspectors), 'inspector')}"
    about = f"{_about(agreement)} {caution}".strip()
    write_text(folder / AGREEMENT_PAGE, make_agreement_page(agreement, title, about))
    return Comparison(agreement, folder / AGREEMENT_PAGE)


def _about(agreement: Agreement) -> str:
    """Says what was compared."""
    pictures = counted(agreement.pictures, "picture")
    about = f"{counted(agreement.verdicts, 'verdict')} on {pictures}."
    if agreement.left_out:
        about += f" {counted(agreement.left_out, 'verdict')} on other pictures left out."
    return about
