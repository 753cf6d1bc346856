"""The last words of a batch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from capsule_inspect.classes import GOOD
from capsule_inspect.counted import counted
from capsule_inspect.errors import ConditionNotMetError, PartialFailureError

if TYPE_CHECKING:
    from capsule_inspect.inference.batch_summary import BatchSummary


def conclude_batch(summary: "BatchSummary", last_line: str, fail_on_defect: bool) -> None:
    """Raises what the command has to end with, its last line the same as if all went well.

    Raises:
        PartialFailureError: A file could not be read, whatever else.
        ConditionNotMetError: `fail_on_defect`, and not every picture shows good capsules.
    """
    defective = summary.capsules - summary.labels[GOOD]
    failing = ""
    if fail_on_defect and (defective or summary.no_capsule):
        failing = (
            f"Not all is good: {counted(defective, 'defective capsule')}, "
            f"{counted(summary.no_capsule, 'picture')} without a capsule (--fail-on-defect).\n"
        )
    if summary.errors:
        raise PartialFailureError(
            f"{summary.errors} of {counted(summary.files, 'file')} could not be read; the column "
            f"'error' of predictions.csv says why.\n{failing}{last_line}"
        )
    if failing:
        raise ConditionNotMetError(f"{failing}{last_line}")


def describe_batch(summary: "BatchSummary", classes: Sequence[str]) -> str:
    """Says what came of the files, such as `3 pictures, 3 capsules: 2 good, 1 poke`."""
    by_label = ", ".join(f"{summary.labels[c]} {c}" for c in classes if summary.labels[c])
    text = f"{counted(summary.files, 'picture')}, {counted(summary.capsules, 'capsule')}"
    text += f": {by_label}" if by_label else ""
    text += f"; {summary.no_capsule} without a capsule" if summary.no_capsule else ""
    text += f"; {summary.errors} unreadable" if summary.errors else ""
    return text + (f"; {summary.warnings} with a warning" if summary.warnings else "")
