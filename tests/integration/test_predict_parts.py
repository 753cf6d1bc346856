"""`capsule-inspect predict --part K/N` and `--join`: the bytes of one run, and what is refused."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from in_parts import contents, predict_parts

from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.workflows.join import join
from capsule_inspect.workflows.predict import predict as predict_all

N = 7

KILLED_WHILE_IT_JOINS = """
import os, signal, sys
from capsule_inspect.cli.app import main
from capsule_inspect.inference import join
place, placed = join._place, []
def place_and_die(*arguments):
    place(*arguments)
    placed.append(arguments)
    if len(placed) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
join._place = place_and_die
main(sys.argv[1:])
"""


def draw_clashing(folder: Path, rounds: int = 1) -> list[Path]:
    """Draws capsules into two folders whose results would share names; returns the inputs."""
    names = ("a.png", "A.png", "b.png", "a.png.png/b.png", "sub/é.png", "=c.png", "line 1/d,e.jpg")
    for number in range(2 * rounds * len(names)):
        name = names[number % len(names)]
        turn, line = divmod(number // len(names), 2)
        picture = draw_capsule(("good", *DEFECTS)[number % 6], number, 160).picture
        file = folder / f"{'one' if line else 'two'}/{turn or ''}{name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cv2.imencode(file.suffix, picture)[1].tobytes())
    (folder / "one/none.png").write_bytes(b"none")
    (folder / "two/empty.png").write_bytes(
        cv2.imencode(".png", np.full((160, 160, 3), 210, np.uint8))[1].tobytes()
    )
    return [folder / "one", folder / "two"]


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_capsule_model):
    """One run over pictures whose names clash, and its seven parts. Read only."""
    folder = tmp_path_factory.mktemp("shared")
    inputs = draw_clashing(folder)
    options = {"recursive": True, "masks": True, "model": tiny_capsule_model}
    predict_all(inputs, out=folder / "whole", **options)
    predict_parts(inputs, folder / "parts", N, **options)
    return folder


def test_seven_parts_joined_are_the_bytes_of_one_run(invoke, made, tmp_path, tiny_capsule_model):
    out = tmp_path / "out"
    done = invoke("predict", "--join", made / "parts", "-o", out)
    assert done.exit_code == 3  # some of its files cannot be read
    assert "16 pictures, " in done.err
    assert "1 of 16 files could not be read" in done.err
    assert contents(out) == contents(made / "whole")
    names = [file.name for file in (out / "overlays").rglob("*.png") if file.is_file()]
    assert len(names) == 15
    assert sum("-" in name for name in names) > 8  # they got digests, as in one run
    verified = invoke("verify", out, "--model", tiny_capsule_model, "--inputs")
    assert verified.exit_code == 0, verified.out
    seal = json.loads((made / "whole/run.json").read_text())["digests"]["run"]
    assert verified.out == f"'{out}' is as the run left it: 16 pictures.\nSeal: {seal}\n"


def test_what_is_printed_is_what_one_run_prints(predict, invoke, pictures, tmp_path):
    whole = predict(pictures, "-o", tmp_path / "whole", "--json")
    for k in (1, 2, 3):
        part = predict(pictures, "-o", tmp_path / f"parts/{k}", "--part", f"{k}/3")
        assert part.exit_code == 0, part.err
        assert f"Part {k}/3 takes {2 if k == 1 else 1} of 4 pictures." in part.err
    joined = invoke("predict", tmp_path / "parts", "--join", "-o", tmp_path / "out", "--json")
    assert joined.exit_code == 0, joined.err
    assert joined.out == whole.out
    counts = "4 pictures: 2 good, 1 crack, 1 scratch in "
    assert counts in joined.err
    assert counts in whole.err
    assert f"predict over the same inputs with --resume --report -o {tmp_path}/out" in joined.err
    table = invoke("predict", "--join", tmp_path / "parts", "-o", tmp_path / "other", "--table")
    assert table.out.count(".png") == 4


def test_a_defect_in_any_part_fails_the_whole(predict, invoke, pictures, tmp_path):
    for k in (1, 2):  # a and c, b and d; c is a scratch and b a crack
        out = tmp_path / f"parts/{k}"
        part = predict(pictures, "-o", out, "--part", f"{k}/2", "--fail-on-defect")
        assert part.exit_code == 1
        assert "1 defective picture" in part.err
    joined = invoke(
        "predict", "--join", tmp_path / "parts", "-o", tmp_path / "out", "--fail-on-defect"
    )
    assert joined.exit_code == 1
    assert "2 defective pictures (--fail-on-defect)" in joined.err


@pytest.mark.parametrize("kind", ["coco", "labelme", "yolo", "cvat"])
def test_annotations_of_parts_are_those_of_one_run(tmp_path, tiny_model, paint, kind):
    for number in range(7):
        paint(tmp_path / f"in/{number}.png", ("good", "crack", "scratch")[number % 3])
    (tmp_path / "in/none.png").write_bytes(b"none")
    options = {"model": tiny_model, "annotations": kind, "overlays": "none"}
    predict_all(tmp_path / "in", out=tmp_path / "whole", **options)
    predict_parts(tmp_path / "in", tmp_path / "parts", 3, **options)
    done = join(tmp_path / "parts", out=tmp_path / "out")
    assert contents(done.folder) == contents(tmp_path / "whole")


def test_there_may_be_more_parts_than_pictures(invoke, pictures, tmp_path, tiny_model):
    predict_all(pictures, out=tmp_path / "whole", model=tiny_model)
    last = predict_parts(pictures, tmp_path / "parts", 6, model=tiny_model)[-1]
    verified = invoke("verify", last)
    assert verified.exit_code == 0
    assert "0 pictures" in verified.out
    done = join(str(tmp_path / "parts/*"), out=tmp_path / "out")
    assert contents(done.folder) == contents(tmp_path / "whole")


def test_a_joined_run_can_be_resumed_as_one_run_for_a_report(predict, invoke, pictures, tmp_path):
    (pictures / "b.png").write_bytes(b"cut short")
    for k in (1, 2):
        predict(pictures, "-o", tmp_path / f"parts/{k}", "--part", f"{k}/2")
    out = tmp_path / "out"
    assert invoke("predict", "--join", tmp_path / "parts", "-o", out).exit_code == 3
    rows = (out / "predictions.csv").read_bytes()
    assert predict(pictures, "-o", out, "--resume", "--report").exit_code == 3
    assert (out / "predictions.csv").read_bytes() == rows
    assert "Inspection of 4 pictures" in (out / "report.html").read_text(encoding="utf-8")
    assert invoke("verify", out).exit_code == 0


def test_drift_of_parts_is_left_out(tmp_path):
    for number in range(6):
        picture = draw_capsule("good", number, 300).picture
        (tmp_path / "in").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / f"in/{number}.png"), picture[..., ::-1])
    options = {"model": SHIPPED_MODEL, "overlays": "none"}
    predict_all(tmp_path / "in", out=tmp_path / "whole", **options)
    predict_parts(tmp_path / "in", tmp_path / "parts", 2, **options)
    done = join(tmp_path / "parts", out=tmp_path / "out")
    assert done.summary.drift is None
    whole, own = (
        json.loads((tmp_path / f"{name}/run.json").read_text()) for name in ("whole", "out")
    )
    assert whole.pop("drift")
    whole["digests"].pop("run")
    own["digests"].pop("run")
    assert own == whole
    assert (done.folder / "digests.csv").read_bytes() == (
        tmp_path / "whole/digests.csv"
    ).read_bytes()


def test_a_part_is_resumed_as_itself_alone(predict, pictures, paint, tmp_path):
    out = tmp_path / "out"
    assert predict(pictures, "-o", out, "--part", "2/2").exit_code == 0
    before = contents(out)
    rows = out / "predictions.csv"
    rows.write_bytes(b"".join(rows.read_bytes().splitlines(True)[:2]))
    resumed = predict(pictures, "-o", out, "--part", "2/2", "--resume")
    assert resumed.exit_code == 0
    assert contents(out) == before
    for part, said in (
        (["--part", "1/2"], "is part 2/2, not part 1/2."),
        (["--part", "2/3"], "is part 2/2, not part 2/3."),
        ([], "is part 2/2, not a run over all pictures."),
    ):
        refused = predict(pictures, "-o", out, *part, "--resume")
        assert refused.exit_code == 2
        assert f"The run in '{out}' {said}" in refused.err
    paint(pictures / "z.png")
    refused = predict(pictures, "-o", out, "--part", "2/2", "--resume")
    assert refused.exit_code == 2
    assert "part 2/2 of another list: it had 4 pictures, and this one has 5." in refused.err


@pytest.mark.parametrize("part", ["-1/7", "8/7", "7", "three/7"])
def test_a_part_that_cannot_be_is_refused(predict, pictures, tmp_path, part):
    refused = predict(pictures, "-o", tmp_path / "out", "--part", part)
    assert refused.exit_code == 2
    assert part in refused.err
    assert not (tmp_path / "out").exists()


def test_names_that_annotations_would_share_are_refused_in_every_part(predict, paint, tmp_path):
    paint(tmp_path / "in/a.png")
    paint(tmp_path / "in/a.jpg")
    for k in (1, 2):
        refused = predict(
            *(tmp_path / "in", "-o", tmp_path / "out"),
            *("--part", f"{k}/2", "--annotations", "yolo"),
        )
        assert refused.exit_code == 2
        assert "would share the file" in refused.err


def test_options_that_parts_have_settled_are_refused(invoke, made, tmp_path):
    refused = invoke(
        *("predict", "--join", made / "parts", "-o", tmp_path / "out", "--masks", "-r"),
        *("--threshold", "0.4", "predict.threads=2"),
    )
    assert refused.exit_code == 2
    assert (
        "--join takes model, options and settings from the parts. Leave out --recursive, --masks, "
        "--threshold and predict.threads=2." in refused.err
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda parts: shutil.rmtree(parts / "3"), "Part 3/7 is missing: run predict over the sa"),
        (lambda parts: shutil.copytree(parts / "3", parts / "3b"), "Part 3/7 is there twice"),
        (lambda parts: next(parts.glob("3/overlays/**/*.png")).write_bytes(b""), "' was edited."),
        (lambda parts: next(parts.glob("3/masks/**/*.png")).unlink(), "' was removed."),
        (
            lambda parts: (parts / "3/run.json").write_bytes(
                (parts / "3/run.json").read_bytes().replace(b'"chain"', b'"chains"')
            ),
            "Part 3/7 in '{parts}/3' has not finished.",
        ),
    ],
)
def test_parts_that_cannot_be_joined_are_refused_and_nothing_is_written(
    invoke, made, tmp_path, change, said
):
    parts = tmp_path / "parts"
    shutil.copytree(made / "parts", parts)
    change(parts)
    refused = invoke("predict", "--join", parts, "-o", tmp_path / "out")
    assert refused.exit_code == 2
    assert said.format(parts=parts) in refused.err
    assert not (tmp_path / "out").exists()


def test_the_results_go_to_no_folder_that_holds_something(invoke, made, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(made / "parts/3", out)
    refused = invoke("predict", "--join", made / "parts", "-o", out)
    assert refused.exit_code == 2
    assert f"The output folder '{out}' is not empty." in refused.err
    parts = [made / f"parts/{k}" for k in (1, 2, 4, 5, 6, 7)]
    refused = invoke("predict", "--join", *parts, out, "-o", out, "--overwrite")
    assert refused.exit_code == 2
    assert f"The output '{out}' is one of the parts." in refused.err
    assert contents(out) == contents(made / "parts/3")
    done = invoke("predict", "--join", made / "parts", "-o", out, "--overwrite")
    assert done.exit_code == 3
    assert contents(out) == contents(made / "whole")


def test_an_interrupted_join_says_how_to_go_on(invoke, made, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("capsule_inspect.inference.join._place", interrupt)
        stopped = invoke("predict", "--join", made / "parts", "-o", tmp_path / "out")
    assert stopped.exit_code == 130
    assert f"same command and --resume -o '{tmp_path}/out'" in stopped.err
    assert invoke("verify", tmp_path / "out").exit_code == 2
    again = invoke("predict", "--join", made / "parts", "-o", tmp_path / "out", "--resume")
    assert again.exit_code == 3
    assert contents(tmp_path / "out") == contents(made / "whole")


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_killed_join_is_no_whole_run_and_is_made_anew(invoke, made, tmp_path):
    out = tmp_path / "out"
    arguments = ["predict", "--join", str(made / "parts"), "-o", str(out)]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_IT_JOINS, *arguments], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert invoke("verify", out).exit_code == 2
    refused = invoke(*arguments)
    assert refused.exit_code == 2
    assert "Continue its run with --resume" in refused.err
    assert invoke(*arguments, "--resume").exit_code == 3
    assert contents(out) == contents(made / "whole")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_parts_that_are_killed_and_resumed_join_to_the_bytes_of_one_run(
    invoke, tmp_path, tiny_capsule_model
):
    inputs = draw_clashing(tmp_path, rounds=12)

    def start(out: Path, *options: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "capsule_inspect", "predict", *inputs, "-r", "-o", out]
        command += ["--model", tiny_capsule_model, "--masks", "--annotations", "coco", "-j", "1"]
        words = [str(each) for each in (*command, *options)]
        return subprocess.Popen(words, stderr=subprocess.DEVNULL)

    assert start(tmp_path / "whole").wait() == 3
    killed = 0
    for k in range(1, N + 1):
        out, part = tmp_path / f"parts/{k}", ("--part", f"{k}/{N}")
        if k % 2:
            running = start(out, *part)
            rows = out / "predictions.csv"
            while running.poll() is None and not (rows.exists() and rows.stat().st_size > 300 * k):
                time.sleep(0.001)
            running.kill()
            killed += running.wait() == -signal.SIGKILL
            if running.returncode == -signal.SIGKILL:
                refused = invoke("predict", "--join", out, "-o", tmp_path / "early")
                assert "missing" in refused.err
        assert start(out, *part, "--resume").wait() in {0, 3}
    assert killed >= 2  # or they had ended too early to show anything
    joined = invoke("predict", "--join", tmp_path / "parts", "-o", tmp_path / "out")
    assert joined.exit_code == 3, joined.err
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert invoke("verify", tmp_path / "out", "--inputs").exit_code == 0
