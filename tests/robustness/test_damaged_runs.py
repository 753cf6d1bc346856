"""Random damage to the files that runs leave: refused in a sentence, or harmless."""

import importlib.util
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from damage import damage

import capsule_inspect
from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.errors import CapsuleInspectError
from capsule_inspect.reporter import SILENT
from capsule_inspect.runs.find_runs import find_runs
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.yaml_text import read_settings
from capsule_inspect.training.decision import read_decision

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("tensorflow"), reason="needs the train extra"),
]

COUNT = 200
STUDY = Path(__file__).parents[2] / "experiments/cross_validation_int8/out_of_fold.csv"
STEP = (
    *("model=efficientnet_lite0", "model.roi.width=160", "model.roi.height=64"),
    *("model.roi.capsule_length=142", "model.members=1", "train.epochs=1", "train.steps=1"),
    *("train.batch_size=4", "train.drawn=0", "train.validate_every=1"),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory, dataset_folder) -> Path:
    """A finished run, with the checkpoint of another one that has just begun."""
    from capsule_inspect.training.fit import begin_training  # noqa: PLC0415  (Keras takes seconds)

    folder = tmp_path_factory.mktemp("damaged") / "run"
    capsule_inspect.train(dataset_folder, out=folder, overrides=STEP)
    begun = RunFolder(folder.parent / "begun")
    begun.path.mkdir()
    begin_training(
        read_settings(folder / "config.yaml"), read_dataset(dataset_folder), begun, SILENT
    )
    shutil.copy(begun.checkpoint, folder / "checkpoint.keras")
    shutil.copytree(dataset_folder, folder.parent / "data")
    lines = STUDY.read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "out_of_fold.csv").write_text("".join(lines[:80]), encoding="utf-8")
    return folder


def weights(path: Path) -> list[np.ndarray]:
    from capsule_inspect.training.network_files import load_network  # noqa: PLC0415

    return load_network(path, compiled=path.name == "checkpoint.keras").get_weights()


def network(run: Path) -> list[np.ndarray]:
    from capsule_inspect.training.network_files import load_trained  # noqa: PLC0415

    return load_trained(run / "model.keras").network.get_weights()


def decision(run: Path) -> object:
    return read_decision(run / "decision.json")


def history(run: Path) -> object:
    return find_runs(run.parent)


def config(run: Path) -> object:
    return read_settings(run / "config.yaml")


def manifest(run: Path) -> object:
    return read_dataset(run.parent / "data")


def study(run: Path) -> object:
    from capsule_inspect.evaluation.cross_validation import (  # noqa: PLC0415
        pool_predictions,
        read_out_of_fold,
    )

    predictions, classes = read_out_of_fold(run / "out_of_fold.csv")
    return pool_predictions(predictions[:8], classes)


def outcomes(file: Path, read: Callable[[], object]) -> list[object]:
    """What reading gives after each of the damages: a result, or the refusal."""
    whole, random = file.read_bytes(), np.random.default_rng(0)
    results: list[object] = []
    try:
        for _ in range(COUNT):
            file.write_bytes(damage(whole, random))
            try:
                results.append(read())
            except CapsuleInspectError as refusal:
                results.append(refusal)
    finally:
        file.write_bytes(whole)
    return results


def require_sentences(results: list[object]) -> list[object]:
    """Checks the refusals; returns what was read."""
    for each in results:
        if isinstance(each, CapsuleInspectError):
            assert each.exit_code == 2
            assert re.search(r"[.?]$|capsule-inspect .*$", str(each))
            assert "Traceback" not in str(each)
            assert len(str(each).splitlines()) <= 2
    return [each for each in results if not isinstance(each, CapsuleInspectError)]


def equal(ones: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(ones, others, strict=True))


@pytest.mark.parametrize("name", ["model.keras", "checkpoint.keras"])
def test_damaged_networks_are_refused_or_the_same(run, name):
    file = run / name
    read = (lambda: network(run)) if name == "model.keras" else (lambda: weights(file))
    whole = read()
    accepted = require_sentences(outcomes(file, read))
    assert len(accepted) < COUNT / 10
    assert all(equal(each, whole) for each in accepted)


def test_a_damaged_decision_is_refused_or_the_same(run):
    whole = decision(run)
    accepted = require_sentences(outcomes(run / "decision.json", lambda: decision(run)))
    assert all(each == whole for each in accepted)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("history.csv", history),
        ("config.yaml", config),
        ("out_of_fold.csv", study),
        ("../data/manifest.csv", manifest),
    ],
)
def test_damaged_tables_and_settings_are_refused_or_read(run, name, read):
    require_sentences(outcomes(run / name, lambda: read(run)))


def test_pictures_tell_a_damaged_manifest(run):
    """A picture's hash, size or label that differs is told where the picture is read."""

    def read() -> object:
        data = read_dataset(run.parent / "data")
        for sample in data.samples:
            data.read(sample)
        return data

    whole = manifest(run)
    for each in require_sentences(outcomes(run.parent / "data/manifest.csv", read)):
        for own, old in zip(each.samples, whole.samples, strict=True):
            kept = {"split": old.split, "fold": old.fold, "group": old.group, "label": old.label}
            assert replace(own, **kept) == old


def test_a_damaged_database_is_refused_or_read(run, tmp_path):
    from capsule_inspect.search.tune import tune  # noqa: PLC0415

    settings = replace(config(run), tune=replace(config(run).tune, trials=3, epochs=1))
    folder = RunFolder(tmp_path / "search")
    folder.path.mkdir()

    def go(settings) -> object:
        return tune(settings, folder, SILENT, lambda *_: 0.5)

    go(settings)
    resumed = replace(settings, tune=replace(settings.tune, resume=str(folder.path)))
    require_sentences(outcomes(folder.path / "study.db", lambda: go(resumed)))
