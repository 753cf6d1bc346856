from pathlib import Path

from capsule_inspect.runs.run_folder import RunFolder


def test_files_have_the_names_of_the_contract():
    run = RunFolder(Path("x"))
    names = [run.config, run.checkpoint, run.model, run.history, run.decision]
    assert [path.as_posix() for path in names] == [
        "x/config.yaml",
        "x/checkpoint.keras",
        "x/model.keras",
        "x/history.csv",
        "x/decision.json",
    ]
