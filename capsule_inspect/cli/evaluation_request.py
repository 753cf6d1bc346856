"""What `evaluate` was asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capsule_inspect.modelfile.runtime_name import RuntimeName

if TYPE_CHECKING:
    from capsule_inspect.dataset.data_set import DataSet
    from capsule_inspect.settings.settings import Settings


@dataclass(frozen=True)
class EvaluationRequest:
    """What to measure, on what, and where the results go.

    Attributes:
        model: A model file, or the folder of a run or study.
        data: The data set to measure on.
        out: The folder to make; by default `runs/evaluate/<time>-<model>/`.
        settings: All settings.
        overrides: Those given on the command line.
        runtime: What executes a `.tflite` file.
    """

    model: Path
    data: "DataSet"
    out: Path | None
    settings: "Settings"
    overrides: tuple[str, ...]
    runtime: RuntimeName
