"""Finding the network that a person names, before anything heavy is loaded for it."""

from pathlib import Path

from capsule_inspect.errors import ModelFileError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.suggest import suggest_path


def find_model(path: Path) -> Path:
    """Returns a `.keras` file, or the one of a run folder.

    Raises:
        ModelFileError: There is no such file, or it is converted already.
    """
    run = RunFolder(path)
    file = run.model if path.is_dir() else path
    if run.checkpoint.is_file() and not run.model.is_file():
        raise ModelFileError(
            f"The run '{path}' is unfinished. Go on with it: capsule-inspect train "
            f"train.resume={path}"
        )
    if not file.is_file():
        raise ModelFileError(
            f"There is no model '{file}'.{suggest_path(file)} "
            "Give a .keras file or a run folder of `train`."
        )
    if file.suffix == ".tflite":
        raise ModelFileError(
            f"'{file}' is a converted file already. Give the .keras file or the run folder that it "
            "came from."
        )
    return file
