import errno
import re
import shlex
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

from capsule_inspect import __version__
from capsule_inspect.cli.app import app

COMMANDS = (
    "prepare",
    "train",
    "tune",
    "evaluate",
    "export-tflite",
    "runs",
    "predict",
    "watch",
    "review",
    "verify",
    "info",
)
WITHOUT_SETTINGS = {"runs", "watch", "review", "verify", "info"}
WITH_SETTINGS = tuple(name for name in COMMANDS if name not in WITHOUT_SETTINGS)


def examples(text: str) -> list[str]:
    """The commands that a help ends with."""
    return [line.strip() for line in text.partition("Examples:")[2].splitlines() if line.strip()]


def test_commands_stand_in_the_order_of_work(invoke):
    text = invoke("--help").out
    names = re.findall(r"^│ ([a-z-]+)  ", text, re.MULTILINE)
    assert [name for name in names if name in COMMANDS] == list(COMMANDS)
    panels = re.findall(r"^╭─ ([\w ]+?) ─", text, re.MULTILINE)
    assert panels == ["Options", "Data", "Training", "Evaluation and export", "Inspection"]


def test_the_help_ends_with_what_to_try_first(invoke):
    last = [line.strip() for line in invoke("--help").out.splitlines() if line.strip()][-2:]
    assert last == [
        "capsule-inspect prepare drawn capsules",
        "capsule-inspect predict capsules/pictures -o results --table",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_help_ends_with_examples_that_are_understood(command, invoke, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = examples(invoke(command, "--help").out)
    assert 1 <= len(lines) <= 2
    for line in lines:
        program, name, *arguments = shlex.split(line)
        assert (program, name) == ("capsule-inspect", command)
        typer.main.get_command(app).commands[name].make_context(name, list(arguments))
        if command in WITH_SETTINGS:
            ended = invoke(name, *arguments, "--print-config")
            assert ended.exit_code == 0, ended.err


@pytest.mark.parametrize("command", COMMANDS)
def test_more_than_six_options_are_grouped(command, invoke):
    text = invoke(command, "--help").out
    for panel in re.split(r"^╭─ ", text, flags=re.MULTILINE)[1:]:
        options = re.findall(r"^│ +--[a-z]", panel, re.MULTILINE)
        limit = 7 if panel.startswith("Results") else 6
        assert len(options) <= limit, panel


@pytest.mark.parametrize("columns", [60, 80, 160])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_keeps_to_the_width_of_the_terminal(command, columns, invoke, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = invoke(*command.split(), "--help").out
    assert max(map(len, text.splitlines())) <= columns
    assert "\x1b" not in text


def test_switches_have_no_type(invoke):
    for command in COMMANDS:
        assert "<bool>" not in invoke(command, "--help").out


def test_paragraphs_flow(invoke, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    paragraph = "Prints every metric with its 95 % interval, the metrics of each class and the"
    lines = invoke("evaluate", "--help").out.splitlines()
    (line,) = (line for line in lines if paragraph in line)
    assert len(line.strip()) > 150


def test_the_version_comes_first_and_what_results_depend_on_below(invoke):
    first, python, *packages = invoke("--version").out.splitlines()
    assert first == f"capsule-inspect {__version__}"
    assert re.match(r"Python 3\.\d+", python)
    assert f"numpy {metadata.version('numpy')}" in packages
    assert any(line.startswith("opencv-python") for line in packages)


def test_packages_that_are_not_there_are_left_out(invoke, monkeypatch):
    def version(name):
        if name in {"numpy", "keras"}:
            return "9.9"
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    assert invoke("--version").out.splitlines()[2:] == ["numpy 9.9", "keras 9.9"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predct"], "Did you mean 'predict'?"),
        (["predict", "--thresold", ".3"], "Did you mean '--threshold'?"),
        (["--verison"], "Did you mean '--version'?"),
        (["info", "--jsn"], "Did you mean '--json'?"),
        (["predict", "--threads", "2"], "write predict.threads=VALUE, without dashes"),
        (["train", "--learning-rate=1"], "write train.learning_rate=VALUE"),
        (["train", "--dir", "pictures"], "Did you mean '--data'?"),
        (["evaluate", "model.tflite", "--root=pictures"], "Did you mean '--data-root'?"),
        (["train", "resume=mine"], "There is no setting 'resume'. Did you mean '--resume'?"),
        (["train", "epochs=3"], "Did you mean 'train.epochs' or 'tune.epochs'?"),
        (["train", "model=efficentnet_lite1"], "Did you mean 'efficientnet_lite1'?"),
        (["train", "train.epochs=many"], "The setting train.epochs cannot be that"),
        (["prepare", "drwn", "out"], "the word `drawn`"),
        (["predict", "pictures", "--model", "modl.tflite"], "Did you mean 'model.tflite'?"),
        (["info", "modl.tflite"], "Did you mean 'model.tflite'?"),
        (["predict", "picture"], "Did you mean 'pictures'?"),
        (["predict", "@mien.yaml"], "Did you mean 'mine.yaml'?"),
        (["runs", "picture"], "Did you mean 'pictures'?"),
        (["prepare", "picture", "out"], "Did you mean 'pictures'?"),
        pytest.param(
            ["evaluate", "model.tflite", "--data", "picturse"],
            "Did you mean 'pictures'?",
            marks=pytest.mark.skipif(not find_spec("sklearn"), reason="needs the train extra"),
        ),
        (["export-tflite", "modl.keras", "data.dir=picturse"], "Did you mean 'pictures'?"),
        (["evaluate", "data.dir=pictures"], "MODEL is missing before 'data.dir=pictures'"),
        (["train", "experiment=mien.yaml"], "Did you mean 'mine.yaml'?"),
        (["train", "--config-dir", "pictuers"], "Did you mean 'pictures'?"),
        (["evaluate", "model.tflite", "--require", "acuracy>=.9"], "Did you mean 'accuracy'?"),
    ],
)
@pytest.mark.usefixtures("with_extra")
def test_a_slip_is_answered_with_what_was_meant(arguments, said, invoke, tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    for name in ("pictures/a.png", "pictures/manifest.csv", "model.tflite", "mine.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    ended = invoke(*arguments)
    assert ended.exit_code == 2
    assert said in re.sub(r"[│\s]+", " ", ended.err)


def test_a_wrong_option_like_no_other_gets_no_suggestion(invoke):
    ended = invoke("predict", "-z")
    assert ended.exit_code == 2
    assert "There is no option -z." in ended.err
    assert "mean" not in ended.err


def test_a_full_disk_is_a_sentence(invoke, drawn_folder, tmp_path, monkeypatch):
    page = tmp_path / "out/dataset.html"
    write = Path.write_bytes

    def write_unless_full(path, data):
        if len(data) > 100_000:
            raise OSError(errno.ENOSPC, "No space left on device", str(page))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_unless_full)
    ended = invoke("prepare", drawn_folder, tmp_path / "out")
    assert ended.exit_code == 2
    assert f"Error: '{page}' cannot be written or read: No space left on device." in ended.err


@pytest.mark.parametrize("error", [RuntimeError("gone"), OSError(errno.EIO, "gone")])
def test_what_nobody_foresaw_is_a_sentence_and_a_report(invoke, tmp_path, monkeypatch, error):
    def fail(*_arguments, **_options):
        raise error

    monkeypatch.setattr("capsule_inspect.workflows.prepare.prepare_dataset", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = invoke("prepare", "drawn", tmp_path / "out")
    assert ended.exit_code == 70
    assert ended.err.startswith("Error: This should not have happened: ")
    assert "Traceback" not in ended.err
    (report,) = tmp_path.glob("capsule-inspect-*.txt")
    assert str(report) in ended.err
    assert "Traceback" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("predct", "x"), "No such command 'predct'. Did you mean 'predict'? See {} -h."),
        (("predict", "x", "--quite"), "There is no option --quite. Did you mean '--quiet'? "),
        (("runs", "--command", "trian"), "'trian' is not one of 'train', 'tune', "),
        (("runs", "--command", "trian"), "Did you mean 'train'? See {} runs -h."),
        (("predict", "x", "--jobs", "0"), "greater than or equal to 1. See {} predict -h."),
        (("prepare",), "Missing argument 'SOURCE'. See {} prepare -h."),
        (("info", "a", "b"), "unexpected extra argument"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_a_way_on(invoke, arguments, said):
    ended = invoke(*arguments)
    assert ended.exit_code == 2
    assert ended.err.startswith("Error: ")
    assert said.format("capsule-inspect") in ended.err
    assert len(ended.err.splitlines()) == 1
    assert ended.out == ""


def test_no_arguments_show_the_help(invoke):
    ended = invoke()
    assert ended.exit_code == 2
    assert "Usage:" in ended.out
    assert "export-tflite" in ended.out
