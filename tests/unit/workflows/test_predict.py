import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from recorder import Recorder

from capsule_inspect.errors import ModelFileError, UsageError
from capsule_inspect.inference.records import read_records
from capsule_inspect.workflows.predict import predict


@pytest.fixture
def pictures(tmp_path: Path, paint) -> Path:
    """A folder of four pictures that the small model calls good, crack, scratch and good."""
    for name, label in (("a", "good"), ("b", "crack"), ("c", "scratch"), ("d", "good")):
        paint(tmp_path / f"in/{name}.png", label)
    return tmp_path / "in"


def test_a_folder_is_inspected_in_silence(pictures, tmp_path, tiny_model, capfd):
    done = predict(str(pictures), out=str(tmp_path / "out"), model=str(tiny_model))
    assert (done.folder, done.report) == (tmp_path / "out", None)
    assert done.predictions == tmp_path / "out/predictions.csv"
    assert done.classes == ("good", "crack", "scratch")
    assert done.summary.labels == Counter(good=2, crack=1, scratch=1)
    assert (done.summary.files, done.summary.errors) == (4, 0)
    assert len(list((done.folder / "overlays").iterdir())) == 4
    assert done.seconds > 0
    assert capfd.readouterr() == ("", "")


def test_an_address_as_path_is_refused(pictures, tmp_path, tiny_model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"'s3://b/w' is an address.*Give it as text\."):
        predict(str(pictures), out=Path("s3://b/w"), model=str(tiny_model))
    assert not Path("s3:").exists()


def test_rows_come_picture_by_picture_as_they_are_written(pictures, tmp_path, tiny_model):
    seen = []

    def on_rows(rows, classes):
        on_disk = read_records(tmp_path / "out/predictions.csv")
        assert on_disk[-1].path == rows[-1].path
        seen.append((len(on_disk), rows[0].label, classes))

    files = [pictures / "b.png", str(pictures / "a.png")]
    predict(files, out=tmp_path / "out", model=tiny_model, jobs=1, on_rows=on_rows)
    classes = ("good", "crack", "scratch")
    assert seen == [(1, "good", classes), (2, "crack", classes)]


def test_an_unreadable_file_is_a_fact_and_a_note(pictures, tmp_path, tiny_model):
    recorder = Recorder()
    (pictures / "e.png").write_bytes(b"none")
    done = predict(pictures, out=tmp_path / "out", model=tiny_model, reporter=recorder)
    assert (done.summary.files, done.summary.errors) == (5, 1)
    (note,) = (each for each in recorder.noted if "e.png" in each)
    assert note.startswith(f"{pictures}/e.png: ")
    assert recorder.counted == [("Inspecting", i, 5) for i in range(1, 6)]
    assert recorder.said == []


def test_a_threshold_takes_the_place_of_the_models(pictures, tmp_path, tiny_model):
    recorder = Recorder()
    done = predict(
        pictures,
        out=tmp_path / "out",
        model=tiny_model,
        threshold=1,
        verbose=True,
        overrides=["predict.threads=2"],
        reporter=recorder,
    )
    assert done.summary.labels == Counter(good=4)
    assert {row.threshold for row in read_records(done.predictions)} == {1.0}
    assert recorder.said[0] == f"Model: {tiny_model} (float32)"
    assert recorder.said[1].endswith(", 2 threads")
    assert recorder.said[2:] == ["Threshold: 1 (set by the user)", "Expected: not known"]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_an_impossible_threshold_is_refused(pictures, tmp_path, tiny_model, threshold):
    with pytest.raises(UsageError, match="must lie between 0 and 1"):
        predict(pictures, out=tmp_path / "out", model=tiny_model, threshold=threshold)
    assert not (tmp_path / "out").exists()


def test_a_run_is_resumed_with_its_rows_and_gets_a_page(pictures, tmp_path, tiny_model):
    out, labels = tmp_path / "out", []
    predict(pictures, out=out, model=tiny_model)
    with pytest.raises(UsageError, match="is not empty"):
        predict(pictures, out=out, model=tiny_model)
    done = predict(
        pictures,
        out=out,
        model=tiny_model,
        report=True,
        on_existing="resume",
        on_rows=lambda rows, _: labels.extend(row.label for row in rows),
    )
    assert labels == ["good", "crack", "scratch", "good"]
    assert done.report == out / "report.html"
    assert "Inspection of 4 pictures" in done.report.read_text(encoding="utf-8")


def test_a_folder_of_its_own_is_made_unless_one_is_named(
    pictures, tmp_path, tiny_model, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = predict(pictures / "a.png", model=tiny_model, overlays="none", masks=True)
    assert done.folder.parent == Path("runs/predict")
    assert done.folder.name.endswith("-a")
    assert {path.name for path in done.folder.iterdir() if path.is_dir()} == {"masks"}
    with pytest.raises(ModelFileError):
        predict(pictures, model="none.tflite")
    assert len(list(Path("runs/predict").glob("*-in"))) == 0


@pytest.mark.parametrize("name", ["predict", "prepare", "train", "tune", "evaluate", "export"])
def test_importing_a_workflow_loads_nothing_heavy(name):
    code = f"import sys, capsule_inspect.workflows.{name}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {module.partition(".")[0] for module in done.stdout.split()}
    heavy = {"tensorflow", "keras", "sklearn", "hydra", "optuna", "matplotlib", "jinja2", "rich"}
    assert "numpy" in loaded
    assert not loaded & heavy


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"on_existing": "Resume"}, "on_existing cannot be 'Resume'. Did you mean 'resume'"),
        ({"overlays": "bogus"}, "overlays cannot be 'bogus'"),
        ({"overlay_format": "gif"}, "overlay_format cannot be 'gif'"),
        ({"runtime": "foo"}, "runtime cannot be 'foo'"),
        ({"jobs": 0}, "jobs is 0"),
        ({"jobs": -1}, "jobs is -1"),
        ({"overrides": "predict.threads=2"}, "give a list"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_and_nothing_is_removed(
    tiny_model, pictures, tmp_path, choice, words
):
    predict(pictures, out=tmp_path / "out", model=tiny_model)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    wanted = {"on_existing": "overwrite", **choice}
    with pytest.raises(UsageError, match=re.escape(words)):
        predict(pictures, out=tmp_path / "out", model=tiny_model, **wanted)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")} == before


@dataclass(frozen=True)
class Upload:
    """A picture in memory."""

    path: str
    name: str
    data: bytes

    def read(self, max_pixels):
        del max_pixels
        return self.data


def test_pictures_of_another_kind_stand_beside_files(tiny_model, pictures, tmp_path):
    file = next(path for path in sorted(pictures.rglob("*.png")))
    uploads = [Upload("camera 1", "same.png", file.read_bytes()), Upload("b", "same.png", b"no")]
    result = predict([file, *uploads], out=tmp_path / "out", model=tiny_model)
    rows = {row.path: row for row in read_records(result.predictions)}
    assert set(rows) == {str(file), "camera 1", "b"}
    assert rows["camera 1"].label == rows[str(file)].label
    assert rows["b"].status == "error"
    drawn = {row.overlay for row in rows.values() if row.overlay}
    assert len(drawn) == 2
    assert all((tmp_path / "out" / name).is_file() for name in drawn)


def test_a_path_is_no_list(tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        predict(Path("-"), out=tmp_path / "out", model=tiny_model)
