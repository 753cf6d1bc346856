import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

COMPLETE = """
import sys
sys.argv = ["capsule-inspect"]
from capsule_inspect.cli.app import main
try:
    main()
except SystemExit:
    pass
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def answer(folder: Path, *words: str) -> tuple[list[str], set[str]]:
    """What Bash is offered for the last word, and the packages that were imported for it."""
    ended = subprocess.run(
        [sys.executable, "-c", COMPLETE],
        cwd=folder,
        env={
            **os.environ,
            "_CAPSULE_INSPECT_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["capsule-inspect", *words]),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.split(), set(ended.stderr.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["pre"], ["prepare", "predict"]),
        (["train", "train.ep"], ["train.epochs="]),
        (["train", "train.augment.sh"], ["train.augment.shift_x=", "train.augment.shift_y="]),
        (["train", "experi"], ["experiment="]),
        (["train", "--da"], ["--data", "--data-root"]),
        (["train", "--res"], ["--resume"]),
        (["tune", "--st"], ["--storage"]),
        (["export-tflite", "model.keras", "--cr"], ["--cross-validation"]),
        (["train", "data.di"], []),  # options took the place of these settings
        (["train", "train.res"], []),
        (["tune", "tune.st"], ["tune.startup_trials=", "tune.study=", "tune.start="]),
        (["predict", "--fail"], ["--fail-on-defect"]),
        (["predict", "--overlays", "de"], ["defects"]),
        (["predict", "picture.png", "predict.thr"], ["predict.threads="]),
        (["evaluate", "model.tflite", "--split", "t"], ["train", "test"]),
        (["train", "export=f"], ["export=float16", "export=float32"]),
        (["train", "export", "=", "f"], ["float16", "float32"]),  # as Bash splits it
        (["train", "export", "="], ["dynamic", "float16", "float32", "int8"]),
        (["predict", "pictures/"], []),  # the shell offers files
    ],
)
def test_words_are_completed(words, offered, tmp_path):
    assert answer(tmp_path, *words)[0] == offered


def test_groups_of_ones_own_are_offered(tmp_path):
    (tmp_path / "conf" / "export").mkdir(parents=True)
    (tmp_path / "conf" / "export" / "fine.yaml").touch()
    assert answer(tmp_path, "train", "export=fi")[0] == ["export=fine"]


def test_completion_loads_nothing_heavy(tmp_path):
    for words in (["train", "train.ep"], ["train", "model=eff"], ["evaluate", "m", "--split", "t"]):
        _, modules = answer(tmp_path, *words)
        assert not modules & {"tensorflow", "keras", "numpy", "cv2", "hydra", "sklearn"}


OPTION_OF = [
    ("train", "data.dir", "--data"),
    ("train", "data.root", "--data-root"),
    ("train", "train.resume", "--resume"),
    ("tune", "data.dir", "--data"),
    ("tune", "data.root", "--data-root"),
    ("tune", "tune.resume", "--resume"),
    ("tune", "tune.storage", "--storage"),
    ("evaluate m.tflite", "data.dir", "--data"),
    ("evaluate m.tflite", "data.root", "--data-root"),
    ("export-tflite m.keras", "data.dir", "--data"),
    ("export-tflite m.keras", "data.root", "--data-root"),
    ("export-tflite m.keras", "export.cross_validation", "--cross-validation"),
]


@pytest.mark.parametrize(("command", "key", "option"), OPTION_OF)
def test_an_option_and_its_old_setting_do_the_same(
    command, key, option, invoke, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    group, _, name = key.partition(".")
    done = invoke(*command.split(), option, "my things", "--print-config")
    assert (done.exit_code, done.err) == (0, "")
    assert yaml.safe_load(done.out)[group][name] == "my things"
    old = invoke(*command.split(), f"{key}='my things'", "--print-config")
    assert (old.exit_code, old.out) == (0, done.out)
    assert old.err == f"`{key}='my things'` is now `{option} 'my things'`.\n"
    both = invoke(*command.split(), f"{key}=mine", option, "my things", "--print-config")
    assert (both.exit_code, both.out) == (2, "")
    said = f"Error: `{key}=mine` contradicts `{option} 'my things'`. Leave one of them out.\n"
    assert both.err == said


@pytest.mark.usefixtures("with_extra")
def test_an_old_setting_says_its_option_once_and_before_the_work(invoke, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said, error = invoke("tune", "data.dir=no where", "data.root=x").err.split("\nError: ")
    assert said.splitlines() == [
        "`data.dir=no where` is now `--data 'no where'`.",
        "`data.root=x` is now `--data-root x`.",
    ]
    assert "Name one with --data FOLDER" in error
    assert "capsule-inspect prepare SOURCE 'no where'" in error
