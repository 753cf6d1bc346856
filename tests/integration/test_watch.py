"""`capsule-inspect watch`: real processes, and files that come while they run."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from capsule_inspect.files import hash_file
from capsule_inspect.inference.review_queue import read_queue

posix = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def labels(out: Path) -> list[tuple[str, str]]:
    return [(Path(row["path"]).name, row["label"] or row["status"]) for row in rows(out)]


@pytest.fixture
def once(invoke, tiny_model, pictures, tmp_path):
    """Runs `watch --once` on the folder of pictures, in this process."""

    def run(*options: object, folder: Path = pictures, out: Path = tmp_path / "out"):
        return invoke("watch", folder, "-o", out, "--model", tiny_model, "--once", *options)

    return run


@pytest.mark.parametrize("options", [("-o", "s3://b/w"), ("--then", "move", "--to", "s3://b/w")])
def test_an_address_is_refused_in_the_place_of_a_folder(once, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    told = once(*options)
    assert told.exit_code == 2
    assert "'s3://b/w' is an address, and no folder on this machine." in told.err
    assert not Path("s3:").exists()


class Running:
    """A `watch` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.lines = process, []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr:
            self.lines.append(line)

    def wait_for(self, text: str, times: int = 1, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while sum(text in line for line in self.lines) < times:
            assert time.monotonic() < end, "".join(self.lines)
            assert self.process.poll() is None or not self._reader.is_alive(), self.lines
            time.sleep(0.01)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        self._reader.join()
        return code


@pytest.fixture
def watching(tiny_model, tmp_path) -> Callable[..., Iterator[Running]]:
    """Starts `watch in -o out` in the folder of the test; kills it at the end of the block."""

    @contextmanager
    def run(*options: object, before: Sequence[str] = ()) -> Iterator[Running]:
        command = [sys.executable, "-m", "capsule_inspect", "watch", "in", "-o", "out"]
        command = [*before, *command, "--model", str(tiny_model), *map(str, options)]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        running = Running(process)
        try:
            running.wait_for("Watching 'in'")
            yield running
        finally:
            process.kill()
            process.wait()
            running._reader.join()
            process.stderr.close()

    return run


def test_what_is_there_has_the_rows_of_predict(once, predict, invoke, pictures, tmp_path):
    done = once("--masks")
    assert done.exit_code == 0, done.err
    assert "crack" in done.err
    assert "4 pictures, 2 defective, 0 unreadable; 0 waiting." in done.err
    predict(pictures, "-o", tmp_path / "whole", "--masks")
    assert sorted(rows(tmp_path / "out"), key=lambda row: row["path"]) == rows(tmp_path / "whole")
    assert invoke("verify", tmp_path / "out", "--inputs").exit_code == 0
    with (tmp_path / "out/watched.csv").open(newline="") as file:
        assert {Path(row["path"]).name for row in csv.DictReader(file)} == {
            "a.png", "b.png", "c.png", "d.png",
        }  # fmt: skip


def test_a_restart_takes_what_came_and_nothing_twice(once, invoke, pictures, paint, tmp_path):
    once()
    os.utime(pictures / "a.png", ns=(5, 5))
    paint(pictures / "e.png", "crack")
    done = once()
    assert done.exit_code == 0, done.err
    assert "1 picture, 1 defective" in done.err
    assert labels(tmp_path / "out")[-1] == ("e.png", "crack")
    assert len(rows(tmp_path / "out")) == 5
    (tmp_path / "out/watched.csv").unlink()  # what it holds can be had again
    (tmp_path / "out/watched.csv").touch()
    assert "0 pictures" in once().err
    assert len(rows(tmp_path / "out")) == 5
    assert invoke("verify", tmp_path / "out").exit_code == 0


def test_a_file_that_was_replaced_is_inspected_again_and_says_so(
    once, invoke, pictures, paint, tmp_path
):
    for name in ("b.png", "c.png", "d.png"):
        (pictures / name).unlink()
    once()
    for label in ("crack", "good", "scratch"):
        paint(pictures / "a.png", label)
        done = once()
        assert "(replaced another one of its name)" in done.err, done.err
    found = rows(tmp_path / "out")
    assert [row["label"] for row in found] == ["good", "crack", "good", "scratch"]
    assert [bool(row["warning"]) for row in found] == [False, True, True, True]
    assert "This file replaced another one of the same name." in found[1]["warning"]
    assert len({row["overlay"] for row in found}) == 4
    verified = invoke("verify", tmp_path / "out")
    assert verified.exit_code == 0, verified.out
    queue = read_queue(tmp_path / "out")  # people judge what is there now
    assert [item.record.label for item in queue.items] == ["scratch"]
    assert queue.items[0].picture_sha256 == hash_file(pictures / "a.png")
    lines = (tmp_path / "out/predictions.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "out/predictions.csv").write_bytes(
        b"".join([lines[0], lines[2], lines[1], *lines[3:]])
    )
    assert invoke("verify", tmp_path / "out").exit_code == 1


@posix
def test_pictures_have_their_rows_as_soon_as_they_are_complete(watching, paint, invoke, tmp_path):
    (tmp_path / "in").mkdir()
    data = paint(tmp_path / "whole.png", "crack").read_bytes()
    with watching("--settle", 30) as running:
        (tmp_path / "in/a.png.part").write_bytes(data)
        (tmp_path / "in/a.png.part").rename(tmp_path / "in/a.png")  # need not settle
        running.wait_for("a.png", seconds=20)
        with (tmp_path / "in/b.png").open("wb", buffering=0) as file:
            file.write(data[:50])
            time.sleep(0.3)
            file.write(data[50:])
        running.wait_for("b.png", seconds=20)
        assert labels(tmp_path / "out") == [("a.png", "crack"), ("b.png", "crack")]
        unsealed = invoke("verify", tmp_path / "out")
        assert "has no seal" in unsealed.err
        second = invoke("watch", tmp_path / "in", "-o", tmp_path / "out", "--once")
        assert second.exit_code == 2
        assert running.end() == 128 + signal.SIGTERM
    assert "Stopped after 2 pictures" in running.lines[-1]
    assert "the same command goes on" in running.lines[-1]
    assert invoke("verify", tmp_path / "out").exit_code == 0


@posix
def test_ctrl_c_ends_it_with_130(watching, pictures, invoke, tmp_path):
    with watching("--poll", 0.1) as running:
        running.wait_for("d.png")
        assert running.end(signal.SIGINT) == 130
    assert len(rows(tmp_path / "out")) == len(list(pictures.iterdir()))
    assert invoke("verify", tmp_path / "out").exit_code == 0


@posix
@pytest.mark.parametrize("options", [(), ("--poll", 0.1)], ids=["events", "polling"])
def test_a_folder_that_goes_and_comes_back_loses_nothing(watching, paint, options, tmp_path):
    paint(tmp_path / "in/a.png")
    with watching(*options) as running:
        running.wait_for("a.png")
        (tmp_path / "in").rename(tmp_path / "away")
        running.wait_for("The folder 'in' cannot be listed: No such file or directory.")
        paint(tmp_path / "away/b.png", "crack")
        (tmp_path / "away").rename(tmp_path / "in")
        running.wait_for("The folder 'in' can be listed again.")
        running.wait_for("b.png")
        paint(tmp_path / "in/c.png", "scratch")
        running.wait_for("c.png")
    assert labels(tmp_path / "out") == [("a.png", "good"), ("b.png", "crack"), ("c.png", "scratch")]


@posix
@pytest.mark.parametrize("options", [(), ("--poll", 0.1)], ids=["events", "polling"])
def test_a_folder_that_is_mounted_over_is_said_and_watched(watching, paint, options, tmp_path):
    paint(tmp_path / "in/a.png")
    paint(tmp_path / "other/b.png", "crack")
    with watching(*options) as running:
        running.wait_for("a.png")
        (tmp_path / "in").rename(tmp_path / "away")
        (tmp_path / "other").rename(tmp_path / "in")
        running.wait_for("b.png")
        paint(tmp_path / "in/c.png", "scratch")
        running.wait_for("c.png")
        told = "".join(running.lines)
        assert "is another folder than before" in told or "cannot be listed" in told
    assert [name for name, _ in labels(tmp_path / "out")] == ["a.png", "b.png", "c.png"]


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("setpriv"), reason="needs setpriv")
@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="events", marks=pytest.mark.slow),
        pytest.param(("--poll", 0.1), id="polling"),
    ],
)
def test_permission_that_is_lost_and_comes_back_loses_nothing(
    watching, pictures, paint, options, tmp_path
):
    # Root may read all; this takes that away from a root of a container, too.
    before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    paint(pictures / "closed/e.png", "crack")
    (pictures / "a.png").chmod(0)
    (pictures / "closed").chmod(0)
    with watching("-r", "--give-up", 1, *options, before=before) as running:
        running.wait_for("a.png' cannot be read: Permission denied")
        running.wait_for("The folder 'in/closed' cannot be listed: Permission denied.")
        (pictures / "a.png").chmod(0o600)
        running.wait_for("good", times=2)
        pictures.chmod(0)
        running.wait_for("The folder 'in' cannot be listed: Permission denied.")
        pictures.chmod(0o700)
        running.wait_for("The folder 'in' can be listed again.")
        (pictures / "closed").chmod(0o700)
        running.wait_for("closed/e.png")
        assert running.end() == 128 + signal.SIGTERM
    # The file had its row with an error when it was given up, and another one later.
    assert sorted(labels(tmp_path / "out")) == [
        ("a.png", "error"),
        ("a.png", "good"),
        ("b.png", "crack"),
        ("c.png", "scratch"),
        ("d.png", "good"),
        ("e.png", "crack"),
    ]


def test_a_file_that_is_never_complete_gets_a_row_and_another_one_when_it_is(
    once, invoke, pictures, tmp_path
):
    whole = (pictures / "b.png").read_bytes()
    (pictures / "b.png").write_bytes(whole[:60])
    done = once()
    assert done.exit_code == 3
    assert "1 of 4 pictures could not be read" in done.err
    assert ("b.png", "error") in labels(tmp_path / "out")
    assert once().exit_code == 0  # it has its row
    (pictures / "b.png").write_bytes(whole)
    assert once().exit_code == 0
    assert labels(tmp_path / "out")[-1] == ("b.png", "crack")
    assert len(rows(tmp_path / "out")) == 5
    assert invoke("verify", tmp_path / "out").exit_code == 0


@posix
def test_a_file_that_vanishes_gets_a_row_and_one_that_is_renamed_does_not(
    watching, paint, tmp_path
):
    data = paint(tmp_path / "whole.png").read_bytes()
    (tmp_path / "in").mkdir()
    with watching("--settle", 1, "--poll", 0.1) as running:
        (tmp_path / "in/gone.png").write_bytes(data[:50])
        (tmp_path / "in/before.png").write_bytes(data)
        time.sleep(0.6)
        (tmp_path / "in/gone.png").unlink()
        (tmp_path / "in/before.png").rename(tmp_path / "in/after.png")
        running.wait_for("after.png")
        running.wait_for("gone.png")
        assert running.end() == 128 + signal.SIGTERM
    assert sorted(labels(tmp_path / "out")) == [("after.png", "good"), ("gone.png", "error")]
    assert "does not exist" in rows(tmp_path / "out")[-1]["error"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")
def test_a_full_disk_is_said_and_loses_nothing(watching, paint, invoke, tmp_path):
    import resource  # noqa: PLC0415

    paint(tmp_path / "in/a.png")
    with watching("--overlays", "none") as running:
        running.wait_for("a.png")
        size = (tmp_path / "out/predictions.csv").stat().st_size
        pid = running.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 20, limits[1]))
        paint(tmp_path / "in/b.png", "crack")
        running.wait_for("File too large")
        paint(tmp_path / "in/c.png", "scratch")
        time.sleep(0.5)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
        running.wait_for("Results can be written again.")
        running.wait_for("c.png")
        assert running.end() == 128 + signal.SIGTERM
    assert labels(tmp_path / "out") == [("a.png", "good"), ("b.png", "crack"), ("c.png", "scratch")]
    assert invoke("verify", tmp_path / "out").exit_code == 0


def test_pictures_are_moved_once_they_have_rows(once, pictures, paint, tmp_path):
    (pictures / "damaged.png").write_bytes(b"no picture")
    done = tmp_path / "done"
    assert once().exit_code == 3  # as if it was killed before it moved them
    assert once("--then", "move", "--to", done).exit_code == 0
    assert sorted(each.name for each in done.iterdir()) == [
        "a.png", "b.png", "c.png", "d.png", "damaged.png",
    ]  # fmt: skip
    assert list(pictures.iterdir()) == []
    paint(pictures / "a.png", "crack")  # the camera counts anew
    assert once("--then", "move", "--to", done).exit_code == 0
    assert (done / "a-1.png").exists()
    assert labels(tmp_path / "out")[-1] == ("a.png", "crack")
    assert len(rows(tmp_path / "out")) == 6


def test_pictures_are_deleted_once_they_have_rows_but_not_what_is_unreadable(
    once, pictures, tmp_path
):
    (pictures / "damaged.png").write_bytes(b"no picture")
    assert once("--then", "delete").exit_code == 3
    assert [each.name for each in pictures.iterdir()] == ["damaged.png"]
    assert once("--then", "delete").exit_code == 0
    assert [each.name for each in pictures.iterdir()] == ["damaged.png"]
    assert len(rows(tmp_path / "out")) == 5


TELL = """
import json, sys
with open(sys.argv[1], "a") as file:
    file.write(json.dumps([*sys.argv[2:], json.load(sys.stdin)["path"]]) + "\\n")
"""


def test_a_command_is_told_of_each_defect(once, pictures, tmp_path):
    (tmp_path / "tell.py").write_text(TELL)
    told = tmp_path / "told"
    done = once("--on-defect", f"'{sys.executable}' '{tmp_path}/tell.py' '{told}'")
    assert done.exit_code == 0, done.err
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    found = {Path(path).name: (label, float(score) > 0.4, row) for path, label, score, row in lines}
    assert found == {
        "b.png": ("crack", True, str(pictures / "b.png")),
        "c.png": ("scratch", True, str(pictures / "c.png")),
    }


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"'{sys.executable}' -c 'raise SystemExit(7)'", "ended with code 7"),
        ("no-such-command", "cannot be started: No such file or directory"),
        (f"'{sys.executable}' -c 'import time; time.sleep(60)'", "was killed, since"),
    ],
)
def test_a_command_that_fails_or_is_slow_does_not_stop_the_watch(once, command, said, tmp_path):
    done = once("--on-defect", command)
    assert done.exit_code == 0
    assert said in done.err
    assert len(rows(tmp_path / "out")) == 4


class Hook(HTTPServer):
    """An address that keeps what it is sent, and answers with the next of some codes."""

    def __init__(self, codes: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.codes, self.got = codes, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code = self.server.codes.pop(0) if self.server.codes else 200
        if code == 200:
            self.server.got.append((self.headers["Idempotency-Key"], json.loads(body)))
        self.send_response(code)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.slow
def test_a_webhook_gets_all_rows_in_order_also_after_it_was_down(once, pictures, paint, tmp_path):
    done = once("--webhook", "http://127.0.0.1:9/rows?token=secret")
    assert done.exit_code == 0
    assert "cannot be reached: Connection refused" in done.err
    assert "4 messages to the webhook wait in webhook/" in done.err
    assert "secret" not in done.err
    paint(pictures / "e.png", "crack")
    hook = Hook([503, 302, 400])
    try:
        done = once("--webhook", f"http://127.0.0.1:{hook.server_port}/rows")
    finally:
        hook.shutdown()
        hook.server_close()
    assert "refused 000000000000.json: it answered 400" in done.err
    assert "answers again" in done.err or "cannot be reached" in done.err
    keys = [key for key, _ in hook.got]
    assert keys == [f"out-{number:012}" for number in range(1, 5)]
    sent = [body["rows"][0]["path"] for _, body in hook.got]
    assert sent == [row["path"] for row in rows(tmp_path / "out")][1:]
    assert [each.name for each in (tmp_path / "out/webhook").iterdir()] == ["000000000000.refused"]


def get(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


@posix
def test_it_tells_how_it_is(watching, pictures, tmp_path):
    with watching("--port", 0) as running:
        running.wait_for("d.png")
        line = next(line for line in running.lines if "health" in line)
        address = line.rsplit("Its health: ", 1)[1].strip()
        time.sleep(1.5)  # it notes how it is from time to time
        port = int(address.rsplit(":", 1)[1].partition("/")[0])
        status, body = get(port, "/health")
        assert status == 200
        assert json.loads(body) == {
            "status": "ok",
            "trouble": "",
            "pictures": 4,
            "waiting": 0,
            "lag_seconds": 0.0,
        }
        _, metrics = get(port, "/metrics")
        assert 'capsule_inspect_watch_rows_total{status="ok",label="good"} 2' in metrics
        assert "capsule_inspect_watch_seconds_count 4" in metrics
        pictures.rename(tmp_path / "away")
        running.wait_for("cannot be listed")
        time.sleep(1.5)
        status, body = get(port, "/health")
        assert status == 503
        assert "cannot be listed" in json.loads(body)["trouble"]
        assert get(port, "/")[0] == 404


def test_what_cannot_be_watched_is_one_sentence(once, predict, pictures, paint, tmp_path):
    out = tmp_path / "out"
    assert "There is no folder" in once(folder=tmp_path / "inn").err
    assert "Did you mean" in once(folder=tmp_path / "inn").err
    assert "is in the results folder" in once(out=pictures).err
    predict(pictures, "-o", tmp_path / "other")
    assert "has results of predict" in once(out=tmp_path / "other").err
    once()
    paint(tmp_path / "in2/a.png")
    other = once(folder=tmp_path / "in2")
    assert (other.exit_code, other.err.count("\n")) == (2, 1)
    assert "has the results of watching" in other.err
    changed = once("--threshold", 0.9)
    assert (changed.exit_code, changed.err.count("\n")) == (2, 1)
    assert "threshold was 0.4, now 0.9" in changed.err
    assert "belong together" in once("--then", "move").err
    assert once("-q", "-v").exit_code == 2
    rows_file = out / "predictions.csv"
    rows_file.write_bytes(rows_file.read_bytes().replace(b"crack", b"crick"))
    edited = once()
    assert (edited.exit_code, edited.err.count("\n")) == (2, 1)
    assert "are not as the watch left them" in edited.err


def test_overlays_beyond_the_bound_go_and_verify_knows(once, invoke, paint, pictures, tmp_path):
    done = once("--max-disk", "1kB", "--masks")
    assert done.exit_code == 0, done.err
    left = sum(each.stat().st_size for each in (tmp_path / "out").glob("[om]*/*"))
    assert 0 < left <= 1000
    assert all(row["overlay"] for row in rows(tmp_path / "out"))
    assert invoke("verify", tmp_path / "out").exit_code == 0
    paint(pictures / "e.png")
    assert once("--keep-overlays", 0, "--masks").exit_code == 0
    assert list((tmp_path / "out").glob("[om]*/*")) == []
    assert invoke("verify", tmp_path / "out").exit_code == 0
    with (tmp_path / "out/removed.csv").open("a") as file:
        file.write("overlays/more.png\n")
    assert "removed.csv was edited" in invoke("verify", tmp_path / "out").out
    again = invoke("predict", pictures, "--overwrite", "-o", tmp_path / "out")
    assert again.exit_code == 0, again.err
    assert invoke("verify", tmp_path / "out").exit_code == 0


def test_names_that_differ_in_case_alone_have_results_of_their_own(once, paint, invoke, tmp_path):
    for name in ("A.png", "a.png", "a.png.png/b.png", "line 3/ä.png"):
        paint(tmp_path / "camera" / name)
    done = once("-r", folder=tmp_path / "camera")
    assert done.exit_code == 0, done.err
    names = [row["overlay"] for row in rows(tmp_path / "out")]
    assert len({name.casefold() for name in names}) == 4
    assert all((tmp_path / "out" / name).is_file() for name in names)
    assert invoke("verify", tmp_path / "out").exit_code == 0


def test_a_picture_of_the_future_is_one_like_others(once, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    big = tmp_path / "camera/big.bmp"
    big.parent.mkdir()
    big.write_bytes(cv2.imencode(".bmp", noise)[1].tobytes())
    os.utime(big, (4e9, 4e9))
    assert once(folder=big.parent).exit_code == 0
    assert len(rows(tmp_path / "out")) == 1


def test_times_of_files_that_jump_lose_and_double_nothing(once, pictures, paint, tmp_path):
    now = time.time()
    times = {"a.png": 0.0, "b.png": now + 86400, "c.png": 4e9, "d.png": now - 86400}
    for name, moment in times.items():
        os.utime(pictures / name, (moment, moment))
    assert once().exit_code == 0
    assert sorted(name for name, _ in labels(tmp_path / "out")) == sorted(times)
    # The clock is set back: what is new is older than what has rows.
    paint(pictures / "e.png", "crack")
    os.utime(pictures / "e.png", (5, 5))
    paint(pictures / "b.png", "scratch")
    os.utime(pictures / "b.png", (now - 7 * 86400,) * 2)
    os.utime(pictures / "c.png", (now, now))
    done = once()
    assert "2 pictures" in done.err, done.err
    assert sorted(labels(tmp_path / "out")[4:]) == [("b.png", "scratch"), ("e.png", "crack")]


def test_results_by_size_are_folders_that_verify_takes(once, invoke, pictures, paint, tmp_path):
    done = once("--rotate", "1B")
    assert done.exit_code == 0, done.err
    paint(pictures / "e.png", "crack")
    done = once("--rotate", "1B")
    assert "1 picture, 1 defective" in done.err
    out = tmp_path / "out"
    folders = sorted(each for each in out.iterdir() if each.is_dir())
    assert [each.name for each in folders][:2] == ["000001", "000002"]
    assert labels(folders[-1]) == [("e.png", "crack")]
    assert sorted(Path(row["path"]).name for each in folders for row in rows(each)) == [
        "a.png", "b.png", "c.png", "d.png", "e.png",
    ]  # fmt: skip
    assert all(invoke("verify", each, "--inputs").exit_code == 0 for each in folders)
    shutil.rmtree(folders[0])  # an old one may go; its pictures are not inspected again
    assert "0 pictures" in once("--rotate", "2MB").err
    for options in (("--rotate", "daily"), ()):
        other = once(*options)
        assert (other.exit_code, other.err.count("\n")) == (2, 1)
        assert "has the results of a watch with --rotate size" in other.err


def test_predict_over_one_folder_of_several_is_noticed(once, predict, pictures, tmp_path):
    once("--rotate", "1B")
    (pictures / "a.png").write_bytes((pictures / "b.png").read_bytes())
    once("--rotate", "1B")
    first = tmp_path / "out/000001"
    assert (tmp_path / "out/000002").is_dir()
    predict(pictures, "-o", first, "--overwrite", "--masks")
    other = once("--rotate", "1B")
    assert other.exit_code == 2
    assert f"The results in '{first}' were made with other settings" in other.err


def test_results_that_do_not_rotate_are_not_mixed_with_those_that_do(once, tmp_path):
    once()
    other = once("--rotate", "daily")
    assert (other.exit_code, other.err.count("\n")) == (2, 1)
    assert "has the results of a watch without --rotate" in other.err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").touch()
    mine = once("--rotate", "daily", out=tmp_path / "mine")
    assert "is not empty" in mine.err


@pytest.mark.usefixtures("pictures")
def test_its_help_is_light_and_it_loads_no_framework(modules_after, tiny_model, tmp_path):
    assert not modules_after("watch", "--help") & {"numpy", "cv2", "hydra"}
    loaded = modules_after(
        "watch", tmp_path / "in", "-o", tmp_path / "out", "--model", tiny_model, "--once"
    )
    assert not loaded & {"tensorflow", "keras", "hydra", "sklearn", "fastapi", "prometheus_client"}
