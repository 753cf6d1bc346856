"""The rows of a run in other forms: as annotations of another tool, and as Parquet."""

from collections.abc import Sequence

from capsule_inspect.choices import AnnotationFormat, RowsFormat
from capsule_inspect.inference.annotations.files import write_annotations
from capsule_inspect.inference.digests import DigestWriter
from capsule_inspect.inference.parquet_rows import write_parquet
from capsule_inspect.inference.results_folder import OpenResults
from capsule_inspect.inference.seal import Seal


def write_other_forms(
    results: OpenResults,
    classes: Sequence[str],
    annotations: AnnotationFormat | None,
    rows: RowsFormat,
    digests: DigestWriter,
) -> Seal:
    """Writes the annotations and the rows as Parquet, where wanted, once all rows are there.

    Args:
        results: The results folder, with all rows and digests.
        classes: Class names in the model's order.
        annotations: The format of the annotations; None for none.
        rows: `parquet` to write the rows as Parquet, too.
        digests: What wrote the digests of the pictures.

    Returns:
        The seal over all of it.
    """
    return Seal(
        digests.count,
        digests.end,
        annotations=write_annotations(results, annotations, classes) if annotations else "",
        rows=write_parquet(results, classes) if rows == "parquet" else "",
    )
