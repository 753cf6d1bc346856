"""Sharing a run with workers; the processes here are small ones in the place of a training."""

import hashlib
import sys
import time
from dataclasses import replace
from importlib.metadata import version

import pytest
from real_cluster import cluster_of_threads
from recorder import Recorder

from capsule_inspect.cluster import presence, share_run, take_part
from capsule_inspect.cluster.share_run import Parts, held_folder
from capsule_inspect.cluster.take_part import Invitation, find_obstacle
from capsule_inspect.errors import ClusterError

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")

PARTS = 4

CLAIM = """
import os, sys, time
for number in range({parts}):
    try:
        os.mkdir(f"part-{{number}}")  # one process alone succeeds
    except FileExistsError:
        continue
    {work}
    open(f"part-{{number}}/done", "x").close()
"""


@pytest.fixture(scope="module")
def cluster():
    with cluster_of_threads() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(share_run, "_LOOK", 0.02)
    monkeypatch.setattr(share_run, "_AGAIN", 0.0)
    monkeypatch.setattr(share_run, "_LINGER", 0.0)
    monkeypatch.setattr(take_part, "_LOOK", 0.02)
    monkeypatch.setattr(presence, "_ASK", 0.05)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text("train:\n")
    return folder


@pytest.fixture
def invite(run):
    """Makes an invitation to Python code that works in the run folder."""
    with held_folder(run) as held:
        yield lambda code: Invitation(
            packages={"numpy": version("numpy")},
            folder=str(run),
            run=str(run),
            config_sha256=hashlib.sha256(b"train:\n").hexdigest(),
            held=str(held),
            arguments=("-c", code),
            environment={"KERAS_BACKEND": "tensorflow"},
        )


def share(cluster, invitation, run, reporter=None):
    parts = Parts("runs", PARTS, lambda: len(list(run.glob("part-*/done"))))
    share_run.share_run(cluster.scheduler_address, 1, invitation, parts, reporter or Recorder())


def test_all_threads_work_until_nothing_is_left(cluster, invite, run):
    # A part waits until the other thread has begun one, but for the last.
    meet = "while number < 2 and not os.path.isdir(f'part-{1 - number}'): time.sleep(0.01)"
    recorder = Recorder()
    share(cluster, invite(CLAIM.format(parts=PARTS, work=meet)), run, recorder)
    assert len(list(run.glob("part-*/done"))) == PARTS
    assert recorder.said[-1] == f"The workers share {PARTS} runs in {run}."
    assert recorder.counted[-1] == ("Training", PARTS, PARTS)
    assert recorder.units == ["runs"]
    assert recorder.warned == []


def test_what_others_work_on_is_left_to_them(cluster, invite, run):
    (run / "part-1").mkdir()  # of a process that is no part of the cluster
    share(cluster, invite(CLAIM.format(parts=PARTS, work="")), run)
    assert len(list(run.glob("part-*/done"))) == PARTS - 1


def test_what_a_killed_process_did_is_taken_up(cluster, invite, run):
    die = """
    if not os.path.exists("dead"):
        open("dead", "x").close()
        os.rmdir(f"part-{number}")  # as the system lets go of a lock
        os.kill(os.getpid(), 9)"""
    recorder = Recorder()
    share(cluster, invite(CLAIM.format(parts=PARTS, work=die)), run, recorder)
    assert len(list(run.glob("part-*/done"))) == PARTS
    (warning,) = recorder.warned
    assert warning.endswith("lost what it did. Others take it up where it was saved.")


def test_processes_that_die_again_and_again_end_it(cluster, invite, run):
    with pytest.raises(ClusterError, match=r"Workers died 11 times without finishing one of the r"):
        share(cluster, invite("import os; os.kill(os.getpid(), 9)"), run)


def test_a_failure_is_told_in_its_sentence_and_stops_the_others(cluster, invite, run):
    code = """
import os, sys, time
try:
    os.mkdir("first")
except FileExistsError:
    while not os.path.exists("waits"):
        time.sleep(0.01)
    print("Error: Training diverged in epoch 3.")
    print("a last word of some library")
    sys.exit(2)
try:
    open("waits", "x").close()
    time.sleep(60)
except KeyboardInterrupt:
    open("stopped", "x").close()
"""
    with pytest.raises(ClusterError, match=r"^The worker tcp://\S+ fails: Training diverged in ep"):
        share(cluster, invite(code), run)
    wait_for(run / "stopped")


def test_a_failure_without_a_sentence_shows_its_last_line(cluster, invite, run):
    with pytest.raises(ClusterError, match=r"fails: ZeroDivisionError: division by zero$"):
        share(cluster, invite("1 / 0"), run)


def test_a_client_that_leaves_stops_the_processes(cluster, invite, run):
    code = """
import time
try:
    open("waits", "x").close()
    time.sleep(60)
except KeyboardInterrupt:
    open("stopped", "x").close()
"""
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        future = client.submit(take_part.take_part, invite(code))
        wait_for(run / "waits")
        del future
    wait_for(run / "stopped")


def wait_for(file):
    end = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < end, file
        time.sleep(0.01)


def test_a_process_gets_neither_the_scheduler_nor_what_dask_sets(cluster, invite, run, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # Dask's own
    monkeypatch.setenv("MKL_NUM_THREADS", "3")  # the user's
    code = """
import os
names = ("DASK_SCHEDULER_ADDRESS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "KERAS_BACKEND")
open("seen", "w").write(" ".join(os.environ.get(name, "-") for name in names))
"""
    share(cluster, invite(code), run)
    assert (run / "seen").read_text() == "- - 3 tensorflow"


def test_who_can_take_part_has_no_obstacle(invite):
    assert find_obstacle(invite("")) == ""


@pytest.mark.parametrize(
    ("changed", "obstacle"),
    [
        ({"packages": {"numpy": "1.0"}}, "has numpy {numpy}, and this machine has numpy 1.0."),
        ({"packages": {"no-such": "1.0"}}, "lacks no-such. Install capsule-inspect[train] there"),
        ({"folder": "/gone"}, "does not see '/gone', from which this command was started."),
        ({"run": "/gone"}, "does not see '/gone', the run folder. All machines must share it"),
        ({"config_sha256": "0"}, "sees another folder at '{run}': its config.yaml is not the one"),
    ],
)
def test_who_cannot_take_part_says_why(changed, obstacle, invite, run):
    expected = obstacle.format(numpy=version("numpy"), run=run)
    assert find_obstacle(replace(invite(""), **changed)).startswith(expected)


def test_locks_that_a_worker_does_not_notice_are_an_obstacle(invite, run, tmp_path):
    free = tmp_path / "free"
    free.mkdir()
    told = find_obstacle(replace(invite(""), held=str(free)))
    assert told.startswith(f"does not notice the locks that this machine holds in '{run}', so two")


def test_an_unfit_worker_is_refused_before_the_work_and_in_its_first_task(
    cluster, invite, run, monkeypatch
):
    unfit = replace(invite("open('begun', 'x')"), packages={"no-such": "1.0"})
    with pytest.raises(ClusterError, match=r"^The worker tcp://\S+ lacks no-such\. Install"):
        share(cluster, unfit, run)
    monkeypatch.setattr(share_run, "find_obstacle", lambda _: "")  # it was not there to be asked
    with pytest.raises(ClusterError, match=r"^The worker tcp://\S+ lacks no-such\. Install"):
        share(cluster, unfit, run)
    assert not (run / "begun").exists()


def test_the_lock_is_let_go_of_in_the_end(run):
    with held_folder(run) as held:
        assert held.is_dir()
    assert [file.name for file in run.iterdir()] == ["config.yaml"]
