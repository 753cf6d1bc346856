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


def test_members_are_the_runs_of_folds_and_nothing_else(tmp_path):
    for name in ("seed-1-fold-0", "seed-0-fold-2", "seed-0-fold-x", "seed-0", "old-seed-0-fold-1"):
        (tmp_path / name).mkdir()
    study = RunFolder(tmp_path)
    assert [run.path.name for run in study.members()] == ["seed-0-fold-2", "seed-1-fold-0"]
    assert study.member(seed=1, fold=0) == study.members()[1]
    assert study.members()[0].members() == ()
