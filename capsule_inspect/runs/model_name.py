"""What a model is called in the name of a folder that was made with it."""

from pathlib import Path

from capsule_inspect.runs.run_folder import RunFolder


def model_name(model: Path) -> str:
    """Returns the name of a model: its run folder's if it lies in one, else its file's.

    Args:
        model: A model file, or the folder of a run or study.
    """
    if model.is_dir():
        return model.resolve().name
    folder = model.parent
    return folder.resolve().name if RunFolder(folder).decision.is_file() else model.stem
