"""Searching settings with networks: kills, several workers, PostgreSQL; minutes, so marked slow."""

import csv
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
sqlalchemy = pytest.importorskip("sqlalchemy")

TINY = (
    "experiment=smoke",
    "model.roi.width=160",
    "model.roi.height=64",
    "model.roi.capsule_length=142",
    "train.steps=1",
    "train.drawn=4",
    "tune.epochs=1",
)
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SECRET = "hush-hush"  # noqa: S105  (of a server that lives for one test)


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "capsule_inspect", "tune", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return out, err


def wait_for(holds, process):
    end = time.monotonic() + 300
    while not holds():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.05)


def table(run):
    with (run / "trials.csv").open() as stream:
        return list(csv.DictReader(stream))


def drawn(row):
    return tuple(value for key, value in row.items() if key.startswith(("train.", "model.")))


def kill_in_trial(number, run, process):
    # A trial's settings are written as it starts.
    wait_for((run / f"trial-{number:03d}" / "config.yaml").is_file, process)
    process.kill()
    process.communicate()


def test_killed_and_shared_searches_run_every_trial_once(dataset_folder, tmp_path):
    run = tmp_path / "search"
    kill_in_trial(1, run, start("-o", run, "--data", dataset_folder, *TINY, "tune.trials=2"))
    assert [row["state"] for row in table(run)] == ["complete"]

    workers = [start("--resume", run, "tune.trials=3") for _ in range(2)]
    told = [finish(worker)[1] for worker in workers]
    rows = table(run)
    assert sorted(row["state"] for row in rows) == ["complete"] * 3 + ["fail"]
    assert len({drawn(row) for row in rows}) == 3
    killed, *others = sorted(rows, key=lambda row: row["state"] != "fail")
    assert drawn(killed) in [drawn(row) for row in others]
    for row in others:
        # A trial scores what its history says of its last epoch.
        folder = run / f"trial-{int(row['number']):03d}"
        last = last_epoch(folder)
        score = (float(last["val_accuracy"]) + float(last["val_dice"])) / 2
        assert float(row["score"]) == pytest.approx(score, abs=1e-5)
        assert (folder / "model.keras").is_file()
    assert any("Best of 3 trials" in err for err in told)
    assert (run / "history.png").is_file()
    best = max(others, key=lambda row: float(row["score"]))
    experiment = (run / "best.yaml").read_text()
    assert f"learning_rate: {float(best['train.learning_rate'])!r}" in experiment
    train = (sys.executable, "-m", "capsule_inspect", "train", "--print-config")
    done = subprocess.run(
        [*train, f"experiment={run / 'best.yaml'}"], capture_output=True, text=True, check=True
    )
    assert f"learning_rate: {float(best['train.learning_rate'])!r}" in done.stdout


def last_epoch(folder):
    with (folder / "history.csv").open() as stream:
        return list(csv.DictReader(stream))[-1]


@pytest.fixture
def without_masks(drawn_folder, tmp_path):
    """A data set folder of the drawn pictures, none of which has a mask."""
    plain, data = tmp_path / "plain", tmp_path / "data"
    for folder in (*drawn_folder.glob("train/*"), *drawn_folder.glob("test/*")):
        shutil.copytree(folder, plain / folder.name, dirs_exist_ok=True)
    command = (sys.executable, "-m", "capsule_inspect", "prepare", plain, data)
    subprocess.run(command, check=True, capture_output=True)
    return data


def test_a_search_without_masks_is_kept_in_postgresql(postgresql, without_masks, tmp_path):
    run = tmp_path / "search"
    options = (f"tune.storage='{postgresql}'", "tune.study=ours", "tune.trials=2")
    kill_in_trial(0, run, start("-o", run, "--data", without_masks, *TINY, *options))
    out, err = finish(start(f"tune.resume={run}"))
    assert f"`tune.resume={run}` is now `--resume {run}`." in err
    assert SECRET not in out + err
    assert "Best of 2 trials" in err
    assert not (run / "study.db").exists()
    url = postgresql.replace("postgresql:", "postgresql+psycopg2:")
    with sqlalchemy.create_engine(url).connect() as connection:
        found = connection.execute(
            sqlalchemy.text("SELECT state, count(*) FROM trials GROUP BY state")
        )
        assert {row[0]: row[1] for row in found} == {"COMPLETE": 2, "FAIL": 1}
    last, row = last_epoch(run / "trial-001"), table(run)[1]
    assert not last["val_dice"]
    assert float(row["score"]) == pytest.approx(float(last["val_accuracy"]), abs=1e-5)


def test_a_server_that_refuses_is_a_sentence_without_the_password(
    postgresql, dataset_folder, tmp_path
):
    wrong = postgresql.replace(SECRET, SECRET[::-1])
    process = start("-o", tmp_path / "search", "--data", dataset_folder, "--storage", wrong)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 2
    assert "password authentication failed" in err
    assert SECRET[::-1] not in err
    assert "Traceback" not in err


@pytest.fixture(scope="module")
def postgresql():
    """The URL of a database of a PostgreSQL server of its own, that asks for a password."""
    pytest.importorskip("psycopg2")
    search = os.pathsep.join([os.environ.get("PATH", ""), *map(str, DEBIAN)])
    initdb, pg_ctl = shutil.which("initdb", path=search), shutil.which("pg_ctl", path=search)
    if not (initdb and pg_ctl):
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    # Not in pytest's own folder, which another session closes to other users.
    root = Path(tempfile.mkdtemp(prefix="postgresql-"))
    (root / "password").write_text(SECRET)
    user = {}
    if os.geteuid() == 0:  # root may not run the server
        user = {"user": "nobody"}
        root.chmod(0o755)
        shutil.chown(root, "nobody")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def execute(*command):
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=root, check=False, **user
        )
        assert done.returncode == 0, done.stdout + done.stderr

    data = ("-D", str(root / "data"))
    secure = ("--auth=scram-sha-256", f"--pwfile={root / 'password'}")
    execute(initdb, *data, "--username=inspect", *secure)
    options = f"-h 127.0.0.1 -p {port} -k {root}"
    execute(pg_ctl, *data, "-w", "-l", str(root / "log"), "-o", options, "start")
    yield f"postgresql://inspect:{SECRET}@127.0.0.1:{port}/postgres"
    execute(pg_ctl, *data, "-m", "immediate", "stop")
    shutil.rmtree(root)
