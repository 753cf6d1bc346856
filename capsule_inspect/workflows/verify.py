"""Verify that a results folder is whole, unaltered, and of a model."""

from pathlib import Path

from capsule_inspect.files import StrPath
from capsule_inspect.inference.verify import Verification, verify_results
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.workflows.arguments import as_path


def verify(results: StrPath, *, model: StrPath | None = None, inputs: bool = False) -> Verification:
    """Compares a results folder of `predict` with the digests that its run left.

    Args:
        results: The folder.
        model: The model file that it is said to come from; None to compare no model.
        inputs: Whether to compare the inspected pictures, too; relative paths are looked up from
            the working directory.

    Raises:
        UsageError: It is no results folder, or its run has not finished.
        ModelFileError: The model file is missing, damaged or foreign.
    """
    file = as_path(model)
    network = read_bundle(file).metadata.flatbuffer_sha256 if file else ""
    return verify_results(Path(results), network, inputs)
