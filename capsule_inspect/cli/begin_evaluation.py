"""Making the folder of an evaluation."""

from pathlib import Path

from capsule_inspect.cli.evaluation_request import EvaluationRequest
from capsule_inspect.passwords import mask_passwords
from capsule_inspect.replacing import replace_text
from capsule_inspect.runs.environment import look_around, write_environment
from capsule_inspect.runs.model_name import model_name
from capsule_inspect.runs.new_folder import new_run_folder
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.as_yaml import to_yaml
from capsule_inspect.settings.settings import Settings


def begin_evaluation(request: EvaluationRequest, settings: Settings) -> Path:
    """Makes the folder of an evaluation, and writes there what it is made with.

    Args:
        request: What was asked for.
        settings: What config.yaml gets, passwords masked: those of a study are its own, against
            which `export-tflite` holds those of a network trained on all pictures.

    Returns:
        The folder.

    Raises:
        UsageError: It cannot be made.
    """
    folder = new_run_folder("evaluate", model_name(request.model), request.out)
    replace_text(RunFolder(folder).config, mask_passwords(to_yaml(settings)))
    write_environment(folder, look_around("evaluate", request.overrides, request.data))
    return folder
