"""`capsule-inspect predict --scheduler`: the bytes of a run on this machine, whatever is killed."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest
from in_parts import contents
from real_cluster import cluster_of_threads, real_cluster

import capsule_inspect
from capsule_inspect.choices import SHIPPED_MODEL
from capsule_inspect.cluster import chunks, connect, model_on_workers, worker
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.errors import ClusterError, UsageError
from capsule_inspect.workflows.predict import predict as predict_all

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")


def draw(folder: Path, count: int, size: int, distinct: int = 12) -> Path:
    """Draws capsules; the later ones are links to the first, but for one that is no picture."""
    folder.mkdir(parents=True)
    for number in range(count):
        file = folder / f"{number:03}.png"
        if number >= distinct:
            file.hardlink_to(folder / f"{number % distinct:03}.png")
            continue
        label = ("good", *DEFECTS)[number % 6]
        picture = draw_capsule(label, (7, number), size).picture
        file.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    (folder / "none.png").write_bytes(b"none")
    return folder


@pytest.fixture(scope="module")
def cluster():
    with cluster_of_threads() as cluster:
        yield cluster


@pytest.fixture
def few(tmp_path):
    return draw(tmp_path / "in", 13, 160)


def test_the_bytes_are_those_of_this_machine(invoke, cluster, few, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a relative path begins elsewhere on a worker
    options = (few.name, "--masks", "--annotations", "coco")
    here = invoke("predict", *options, "-o", "here")
    there = invoke("predict", *options, "-o", "there", "--scheduler", cluster.scheduler_address)
    assert (here.exit_code, there.exit_code) == (3, 3), there.err  # none.png
    assert contents(Path("there")) == contents(Path("here"))
    assert json.loads(Path("there/run.json").read_text())["drift"]
    assert "1 worker, 2 threads." in there.err
    assert "Dashboard" not in there.err or "http" in there.err
    assert invoke("verify", "there", "--model", SHIPPED_MODEL, "--inputs").exit_code == 0
    # The environment names it, too, and a run begun here goes on there.
    rows = Path("here/predictions.csv").read_bytes().splitlines(keepends=True)
    Path("here/predictions.csv").write_bytes(b"".join(rows[:5]))
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
    resumed = invoke("predict", *options, "-o", "here", "--resume")
    assert "1 worker, 2 threads." in resumed.err
    assert Path("here/predictions.csv").read_bytes() == Path("there/predictions.csv").read_bytes()
    assert Path("here/digests.csv").read_bytes() == Path("there/digests.csv").read_bytes()


@dataclass
class Own:
    """An input of another kind; one with a lock cannot travel."""

    path: str
    file: Path
    lock: object = None

    @property
    def name(self):
        return self.path

    def read(self, _max_pixels):
        return self.file.read_bytes()


def test_inputs_of_other_kinds_travel_or_say_why_not(cluster, few, tmp_path, tiny_capsule_model):
    inputs = [Own("a.png", few / "000.png"), Own("b.png", few / "001.png", threading.Lock())]
    found = []
    predict_all(
        inputs,
        out=tmp_path / "out",
        model=tiny_capsule_model,
        scheduler=cluster.scheduler_address,
        on_rows=lambda rows, _: found.extend(rows),
    )
    assert [row.status for row in found] == ["ok", "error"]
    assert "cannot be sent to a worker: cannot pickle '_thread.lock' object" in found[1].error


def test_a_worker_of_another_version_is_refused_by_name(
    invoke, cluster, few, tmp_path, tiny_capsule_model, monkeypatch
):
    real = worker.installed_stack("auto")
    (runtime, version), own = real[1], capsule_inspect.__version__
    name = next(iter(cluster.scheduler_info["workers"]))

    def refused() -> str:
        command = ("predict", few, "-o", tmp_path / "out", "--model", tiny_capsule_model)
        done = invoke(*command, "--scheduler", cluster.scheduler_address)
        assert done.exit_code == 2
        assert not (tmp_path / "out").exists()
        return done.err

    def stack(_runtime):
        is_client = threading.current_thread() is threading.main_thread()
        return real if is_client else (real[0], (runtime, "1.0"), *real[2:])

    with monkeypatch.context() as patch:
        patch.setattr(worker, "installed_stack", stack)
        wanted = f"{name} has {runtime} 1.0, and this machine has {runtime} {version}."
        assert wanted in refused()
    with monkeypatch.context() as patch:
        patch.setattr(model_on_workers, "__version__", "9.0")
        wanted = f"{own}, and this machine has capsule-inspect 9.0. Install the same on both"
        assert f"The scheduler at {cluster.scheduler_address} has capsule-inspect {wanted}" in (
            refused()
        )
    with monkeypatch.context() as patch:
        patch.setattr(distributed.Client, "run_on_scheduler", lambda *_: own)
        patch.setattr(model_on_workers.pydoc, "locate", lambda _: None)
        wanted = f"{name} has no capsule-inspect, and this machine has capsule-inspect {own}."
        assert wanted in refused()


def test_a_worker_that_came_later_is_refused_in_its_first_task(
    invoke, cluster, few, tmp_path, tiny_capsule_model, monkeypatch
):
    monkeypatch.setattr(chunks, "send_model", lambda *_: None)  # it was not there to be asked
    monkeypatch.setattr(worker, "_problem", lambda _: "has OpenCV 1.0. Leave it.")
    options = ("-o", tmp_path / "out", "--model", tiny_capsule_model)
    refused = invoke("predict", few, *options, "--scheduler", cluster.scheduler_address)
    assert refused.exit_code == 2
    assert "The worker tcp://" in refused.err
    assert f"continue with the same command and --resume -o '{tmp_path}/out'" in refused.err
    monkeypatch.undo()
    options = (*options, "--resume", "--scheduler", cluster.scheduler_address)
    assert invoke("predict", few, *options).exit_code == 3


def test_who_lacks_the_package_and_came_later_is_told_in_a_sentence(
    cluster, few, tmp_path, monkeypatch
):
    def lacking(*_arguments):
        raise RuntimeError("Error during deserialization of the task graph.")

    monkeypatch.setattr(distributed.Future, "result", lacking)
    with pytest.raises(ClusterError, match=r"worker that came later, cannot unpack a task\. Inst"):
        predict_all(few, out=tmp_path / "out", scheduler=cluster.scheduler_address)


def test_a_chunk_that_kills_every_worker_is_named(cluster, few, tmp_path, monkeypatch):
    tries = []

    def killed(*_arguments):
        tries.append(1)

    monkeypatch.setattr(chunks._Run, "_result", killed)
    with pytest.raises(ClusterError, match=r"Every worker dies with '.*000\.png'\."):
        predict_all(few, out=tmp_path / "out", scheduler=cluster.scheduler_address)
    assert len(tries) >= chunks._ATTEMPTS


def test_without_workers_it_waits_a_while_and_says_so(invoke, few, tmp_path, monkeypatch):
    monkeypatch.setattr(connect, "WORKER_SECONDS", 0.2)
    with distributed.LocalCluster(
        n_workers=0, processes=False, protocol="tcp://", dashboard_address="127.0.0.1:0"
    ) as empty:
        done = invoke(
            "predict", few, "-o", tmp_path / "out", "--scheduler", empty.scheduler_address
        )
    assert done.exit_code == 2
    assert "has no worker yet. Waiting for one." in done.err
    assert f"had no worker for 0.2 s. Start some with `dask worker {empty.scheduler_address}`" in (
        done.err
    )
    assert not (tmp_path / "out").exists()


def test_where_nobody_answers_a_sentence_says_so(invoke, few, tmp_path, monkeypatch):
    monkeypatch.setattr(connect, "_CONNECT_SECONDS", 0.3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        done = invoke("predict", few, "-o", tmp_path / "out", "--scheduler", address)
    assert done.exit_code == 2
    assert f"No scheduler answers at {address}." in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "scheduler", ["here", "tcp://", "tcp://host", "http://host:80", "a b:1", "host:999999"]
)
def test_what_is_no_address_is_refused(few, scheduler):
    with pytest.raises(UsageError, match=r"is no address of a scheduler\. Give one such as tcp://"):
        predict_all(few, scheduler=scheduler)


@pytest.mark.parametrize(
    "scheduler", ["local", "host:8786", "tcp://10.0.0.1:8786", "tls://host:1/", "tcp://[::1]:1"]
)
def test_what_is_one_is_taken(scheduler):
    connect.require_scheduler(scheduler, None)


def test_tls_without_settings_is_refused_in_a_sentence(predict, few):
    done = predict(few, "--scheduler", "tls://127.0.0.1:9")
    assert done.exit_code == 2
    assert "Dask's settings for TLS are missing on this machine" in done.err


def test_the_variable_is_named_where_it_names_the_scheduler(predict, few, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://host:8786")
    assert "with DASK_SCHEDULER_ADDRESS the workers" in predict(few, "-j", 1).err
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "garbage")
    assert "'garbage' in DASK_SCHEDULER_ADDRESS is no address" in predict(few).err
    assert "'bad' is no address" in predict(few, "--scheduler", "bad").err


def test_workers_that_are_interrupted_at_their_start_are_left_to_the_system(monkeypatch):
    unregistered = []

    def interrupted(**_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(distributed, "LocalCluster", interrupted)
    monkeypatch.setattr(connect.atexit, "unregister", unregistered.append)
    with pytest.raises(KeyboardInterrupt):
        connect._start_workers(1)
    assert unregistered == [distributed.deploy.spec.close_clusters]


def test_jobs_are_refused_beside_an_address(predict, few):
    done = predict(few, "--scheduler", "tcp://host:8786", "-j", 2)
    assert done.exit_code == 2
    assert "Leave out --jobs." in done.err


def test_without_the_extra_a_sentence_says_what_to_install(predict, few, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = predict(few, "--scheduler", "tcp://host:8786")
    assert done.exit_code == 2
    assert "pip install 'capsule-inspect[cluster]'" in done.err


def rows(out: Path) -> int:
    file = out / "predictions.csv"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def start(folder: Path, out: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "capsule_inspect", "predict", folder, "-o", out, "--masks"]
    return subprocess.Popen([*map(str, command), *options], stderr=subprocess.PIPE)


def wait_for(run: subprocess.Popen[bytes], out: Path, count: int) -> None:
    while rows(out) < count:
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.02)


def peak_mib(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) / 1024


def without_drift(files: dict[str, bytes]) -> dict[str, object]:
    """The files; drift is of what the last command inspected, and the seal of run covers it."""
    run = json.loads(files["run.json"])
    run.pop("drift")
    run["digests"].pop("run")
    return {**files, "run.json": run}


def end(run: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Waits for a run; returns its exit code and what it said."""
    said = run.communicate(timeout=180)[1].decode()
    return run.returncode, said


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_and_the_client_are_killed_and_the_bytes_stay(invoke, tmp_path):
    """Two workers die twice each, the client once, and the scheduler in the end."""
    folder = draw(tmp_path / "in", 160, 300)
    out, here = tmp_path / "out", tmp_path / "here"
    assert end(start(folder, here))[0] == 3
    expected = contents(here)
    with (
        real_cluster(tmp_path, 2) as (address, processes),
        distributed.Client(address, set_as_default=False) as watcher,
    ):
        watcher.wait_for_workers(2, timeout=60)

        def kill(which: int) -> None:
            found = sorted(watcher.run(os.getpid, on_error="return").items())
            own = [process for _, process in found if isinstance(process, int)]
            os.kill(own[which % len(own)], signal.SIGKILL)

        run = start(folder, out, "--scheduler", address)
        wait_for(run, out, 12)
        kill(0)
        wait_for(run, out, 30)
        kill(1)
        wait_for(run, out, 50)
        run.kill()
        assert end(run)[0] == -signal.SIGKILL
        assert rows(out) < 160
        run = start(folder, out, "--scheduler", address, "--resume")
        wait_for(run, out, 80)
        kill(0)
        wait_for(run, out, 110)
        kill(1)
        code, said = end(run)
        assert code == 3, said
        assert "WARNING" not in said  # Dask's log
        assert without_drift(contents(out)) == without_drift(expected)
        verified = invoke("verify", out, "--model", SHIPPED_MODEL, "--inputs")
        assert verified.exit_code == 0, verified.out

        peaks = [peak_mib(process) for process in watcher.run(os.getpid).values()]
        assert max(peaks) < 200, peaks
        loaded = watcher.run(lambda: set(sys.modules))
        assert not any({"tensorflow", "keras", "hydra"} & each for each in loaded.values())

        shutil.rmtree(out)
        run = start(folder, out, "--scheduler", address)
        wait_for(run, out, 10)
        threading.Thread(target=processes[0].kill).start()
        code, said = end(run)
    assert code == 2
    assert f"The scheduler at {address} does not answer any more." in said
    assert "--resume" in said


@pytest.mark.slow
def test_worker_processes_of_this_machine(tmp_path, tiny_capsule_model):
    folder = draw(tmp_path / "in", 20, 160)
    out, here = tmp_path / "out", tmp_path / "here"
    options = ("--model", str(tiny_capsule_model))
    assert end(start(folder, here, *options))[0] == 3
    run = start(folder, out, *options, "--scheduler", "local", "-j", "2")
    code, said = end(run)
    assert code == 3, said
    assert "2 workers, 2 threads." in said
    assert contents(out) == contents(here)
