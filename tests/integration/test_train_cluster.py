"""`train` and `tune` with `--scheduler`: the figures of one machine, whatever is killed."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from real_cluster import real_cluster

from capsule_inspect.workflows.train import train
from capsule_inspect.workflows.tune import tune

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
    # The small encoder has TensorFlow trace nothing, of which it and Keras warn.
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

TINY = (
    *("model.encoder=small", "model.head=mask_pooling", "model.members=1"),
    *("model.decoder_filters=[4,4]", "model.head_units=[4]"),
    *("model.roi.width=96", "model.roi.height=64", "model.roi.capsule_length=86"),
    *("train.epochs=1", "train.steps=1", "train.batch_size=4", "train.drawn=4"),
)
SEARCH = (*TINY, "tune.trials=8", "tune.epochs=1", "tune.startup_trials=9", "tune.pruner=none")


def test_a_single_run_stays_here_and_says_so(invoke, dataset_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("capsule_inspect.workflows.train._train_one", stop)
    monkeypatch.setattr("capsule_inspect.workflows.train.import_training_stack", lambda *_, **__: 0)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:1")
    done = invoke("train", "--data", dataset_folder, "-o", tmp_path / "run")
    assert "A single run is not shared, so this machine trains it." in done.err


def stop(*_arguments):
    raise SystemExit


@pytest.mark.parametrize("command", ["train", "tune"])
def test_what_is_no_address_is_refused_before_anything_else(invoke, command):
    done = invoke(command, "--data", "gone", "--scheduler", "here")
    assert done.exit_code == 2
    assert "'here' is no address of a scheduler." in done.err


def test_where_nobody_answers_the_way_on_is_named(invoke, dataset_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("capsule_inspect.cluster.connect._CONNECT_SECONDS", 0.3)
    run = tmp_path / "study"
    options = ("--data", dataset_folder, "train.folds=2", "--scheduler", "tcp://127.0.0.1:1")
    done = invoke("train", *options, "-o", run)
    assert done.exit_code == 2
    assert "No scheduler answers at tcp://127.0.0.1:1." in done.err
    said = " ".join(done.err.split())
    assert f"go on with: capsule-inspect train --resume {run} --scheduler tcp://127" in said
    assert invoke("train", *options, "-o", run).exit_code == 2  # it may be begun again
    assert {file.name for file in run.iterdir()} == {"config.yaml", "environment.json"}


@pytest.fixture(scope="module")
def _small_encoder():
    """An encoder of five layers, by the name of `small` in all processes that are started."""
    folder = Path(__file__).parent.parent / "fixtures/small_encoder"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        paths = [str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        sys.modules.pop("sitecustomize", None)
        __import__("sitecustomize")
        yield
        sys.modules["tensorflow"].config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def cluster(_small_encoder, tmp_path_factory):
    """Two workers of one thread; the address of their scheduler, and the log of all."""
    folder = tmp_path_factory.mktemp("cluster")
    with real_cluster(folder, 2) as (address, _):
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield address, folder / "cluster.log"


def share(command, *arguments):
    """Starts a command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "capsule_inspect", command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return out, err


def kill_a_worker(folder, process):
    """Kills the worker that works in this folder, once one does."""
    until = time.monotonic() + 120
    while not (folder / "config.yaml").is_file():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.02)
    (own,) = (status for status in Path("/proc").glob("[0-9]*/status") if holds(status, folder))
    parent = next(line for line in own.read_text().splitlines() if line.startswith("PPid:"))
    os.kill(int(parent.split()[1]), signal.SIGKILL)


def holds(status, folder):
    """Whether a process has opened the lock of a folder."""
    with suppress(OSError):  # it has ended meanwhile
        opened = (status.parent / "fd").iterdir()
        return any(each.resolve() == folder.resolve() / ".lock" for each in opened)
    return False


def history(run):
    with (run / "history.csv").open() as stream:
        return [{**row, "seconds": ""} for row in csv.DictReader(stream)]


@pytest.mark.slow
def test_a_study_is_the_same_though_a_worker_is_killed(cluster, dataset_folder, tmp_path):
    address, log = cluster
    here, there = tmp_path / "here", tmp_path / "there"
    study = (*TINY, "train.folds=3")
    process = share("train", "--data", dataset_folder, "-o", there, *study, "--scheduler", address)
    kill_a_worker(there / "seed-0-fold-1", process)
    _, err = end(process)
    assert "2 workers, 2 threads." in err
    assert "lost what it did. Others take it up where it was saved." in err
    assert "All runs are finished." in err

    train(dataset_folder, out=here, overrides=study)
    names = sorted(path.name for path in here.glob("seed-*"))
    assert len(names) == 3
    for name in names:
        assert history(there / name) == history(here / name)
        assert decision(there / name) == decision(here / name)
    assert decision(there) == decision(here)
    # Each was trained once, and the killed one up to no epoch.
    trained = Counter(re.findall(r"(seed-0-fold-\d): Epoch 1", log.read_text()))
    assert trained == dict.fromkeys(names, 1)
    assert not list(there.glob(".shared-*"))


def decision(run):
    """A decision but for the digests of files that hold the time."""
    found = json.loads((run / "decision.json").read_text())
    return {key: value for key, value in found.items() if key not in ("checksum", "network_sha256")}


def table(run):
    with (run / "trials.csv").open() as stream:
        return list(csv.DictReader(stream))


def scored(rows):
    """Score by settings, of the complete trials."""
    return {
        tuple(value for key, value in row.items() if key.startswith(("train.", "model."))): row[
            "score"
        ]
        for row in rows
        if row["state"] == "complete"
    }


@pytest.mark.slow
def test_a_search_of_eight_trials_is_the_same_though_a_worker_is_killed(
    cluster, dataset_folder, tmp_path
):
    address, log = cluster
    here, there = tmp_path / "here", tmp_path / "there"
    process = share("tune", "--data", dataset_folder, "-o", there, *SEARCH, "--scheduler", address)
    kill_a_worker(there / "trial-002", process)
    out, err = end(process)
    assert "Best of 8 trials" in err

    tune(dataset_folder, out=here, overrides=SEARCH)
    rows = table(there)
    assert sorted(row["state"] for row in rows) == ["complete"] * 8 + ["fail"]
    assert len(scored(rows)) == 8
    assert scored(rows) == scored(table(here))
    ended = Counter(re.findall(r"Trial (\d+): score", log.read_text()))
    assert sorted(ended.values()) == [1] * 8
    assert (there / "best.yaml").read_text() == (here / "best.yaml").read_text()
    assert out.count("\n") == 6
