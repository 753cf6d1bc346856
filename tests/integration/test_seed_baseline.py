"""The older system, as an experiment. Minutes, so marked slow."""

import csv

import pytest

from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.settings.compose import compose

pytestmark = pytest.mark.slow


def test_it_trains_both_stages_and_exports_to_the_size_it_had(tmp_path, command, capsys):
    data, run, file = tmp_path / "data", tmp_path / "run", tmp_path / "model.tflite"
    done = command("prepare", "drawn", data, "data.count=12", "data.size=256")
    assert done.returncode == 0, done.stderr
    roi = compose(["experiment=seed_baseline"]).model.roi
    assert (roi.mode, roi.width, roi.height) == ("whole", 512, 512)
    # Smaller pictures than the 512 px of the older system: the size of the file stays.
    small = ("model.roi.width=128", "model.roi.height=128")
    baseline = ("--data", data, "experiment=seed_baseline", "model.weights=none", *small)
    done = command(
        *("train", "-o", run, *baseline, "train.frozen_epochs=1", "train.epochs=1"),
        *("train.steps=2", "train.batch_size=2", "train.validate_every=2"),
    )
    assert done.returncode == 0, done.stderr
    with (run / "history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["learning_rate"]) for row in rows] == pytest.approx([1e-4, 3e-5])
    done = command("export-tflite", run, "-o", file, *baseline, "--force")
    assert done.returncode == 0, done.stderr
    metadata = read_bundle(file).metadata
    assert metadata.quantization == "dynamic"
    assert (metadata.roi.mode, metadata.roi.width, metadata.roi.height) == ("whole", 128, 128)
    size = file.stat().st_size / 1e6
    with capsys.disabled():
        print(f"\nseed_baseline, dynamic range: {size:.1f} MB")  # noqa: T201
    assert 28 < size < 33
    out = tmp_path / "out"
    done = command("predict", data / "pictures", "-o", out, "--model", file)
    assert done.returncode == 0, done.stderr
    with (out / "predictions.csv").open() as stream:
        assert {row["status"] for row in csv.DictReader(stream)} == {"ok"}
