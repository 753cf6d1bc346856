"""Making the folder of an evaluation."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capsule_inspect.dataset.manifest import DataSet
    from capsule_inspect.settings import Settings


def begin_evaluation(
    model: Path,
    out: Path | None,
    settings: "Settings | None",
    overrides: Sequence[str],
    data: "DataSet",
) -> Path:
    """Makes the folder of an evaluation, and writes there what it is made with.

    Args:
        model: What is measured: a file, or the folder of a run or study.
        out: The folder to make; by default `runs/evaluate/<time>-<model>/`.
        settings: What was asked for; config.yaml gets them without passwords. None for a study,
            whose own go there.
        overrides: The settings given on the command line.
        data: The data set it is measured on.

    Returns:
        The folder.

    Raises:
        UsageError: It cannot be made.
    """
    from capsule_inspect.compose import to_yaml
    from capsule_inspect.passwords import mask_passwords
    from capsule_inspect.replacing import replace_text
    from capsule_inspect.runs.environment import look_around, write_environment
    from capsule_inspect.runs.model_name import model_name
    from capsule_inspect.runs.new_folder import new_run_folder
    from capsule_inspect.training.run_folder import RunFolder

    folder = new_run_folder("evaluate", model_name(model), out)
    if settings is not None:
        replace_text(RunFolder(folder).config, mask_passwords(to_yaml(settings)))
    write_environment(folder, look_around("evaluate", overrides, data))
    return folder
