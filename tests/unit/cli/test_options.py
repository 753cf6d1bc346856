import os
import subprocess
import sys
from pathlib import Path

import pytest

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
        (["tune", "tune.st"], ["tune.startup_trials=", "tune.study="]),
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
