"""`capsule-inspect review` and `prepare --add`, from judgements over HTTP to a trained network."""

import csv
import errno
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import sys
from collections import Counter
from pathlib import Path

import pytest
from running_server import Server, running

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.inference.corrections import HEADER, CorrectionLog, read_corrections
from capsule_inspect.inference.review_queue import read_queue

pytest.importorskip("fastapi")
httpx = pytest.importorskip("httpx")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, command) -> Path:
    """A data set of drawn capsules, and pictures of others: `set`, and `more/pictures`."""
    folder = tmp_path_factory.mktemp("drawn")
    for name, count, seed in (("set", 30, 1), ("more", 12, 2)):
        settings = (f"data.count={count}", f"data.seed={seed}", "data.size=300")
        done = command("prepare", "drawn", folder / name, *settings, "--no-page")
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def work(drawn, tmp_path, command) -> Path:
    """A folder with the set, and with the results for some of it and for all others."""
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    pictures = sorted((tmp_path / "set/pictures").iterdir())[:12]
    names = [file.relative_to(tmp_path) for file in pictures]
    done = command("predict", *names, "more/pictures", "-o", "out", "-q", "--report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


@pytest.fixture
def results(predict, pictures, tmp_path) -> Path:
    assert predict(pictures, "-o", tmp_path / "out", "-q").exit_code == 0
    return tmp_path / "out"


def review(folder: Path, *options: object, results: object = "out", **environment: str):
    arguments = ("--port", 0, "--no-browser", "--reviewer", "Anna", *options)
    return running("review", results, *arguments, cwd=folder, **environment)


def judge(server: Server, item: int, label: str, reviewer: str = "Anna", **headers: str):
    body = {"item": item, "label": label, "reviewer": reviewer, "after": 0}
    return httpx.post(f"{server.address}/v1/corrections", json=body, headers=headers)


def truth(folder: Path) -> dict[str, str]:
    """The true label of each picture, by its path from the folder."""
    return {
        f"{name}/{sample.path}": sample.label
        for name in ("set", "more")
        for sample in read_dataset(folder / name).samples
    }


@pytest.mark.slow
def test_twenty_pictures_are_judged_through_a_crash_and_come_into_the_set(work, command):
    labels = truth(work)
    before = {sample.path: sample for sample in read_dataset(work / "set").samples}
    with review(work) as server:
        items = httpx.get(f"{server.address}/v1/review").json()["items"]
        for item in range(12):
            assert judge(server, item, labels[items[item]["path"]]).status_code == 200
        server.end(signal.SIGKILL)
    with (work / "out/corrections.csv").open("ab") as file:
        file.write(b"2026-11-30T22:52:51+00:00,Anna,half a")
    with review(work) as server:
        run = httpx.get(f"{server.address}/v1/review").json()
        assert "half written; it is taken out" in server.log
        assert run["items"] == items
        assert run["labels"] == {str(n): labels[items[n]["path"]] for n in range(12)}
        judge(server, 12, "unsure")
        undo = {"reviewer": "Anna", "after": 0}
        assert httpx.post(f"{server.address}/v1/undo", json=undo).json()["undone"] == 12
        for item in range(12, 20):
            judge(server, item, labels[items[item]["path"]])
        judge(server, 20, "unsure")
        assert server.end(signal.SIGINT) == 0
    assert "11 lines added to out/corrections.csv; 21 of 24 judged." in server.log
    judged = [items[n]["path"] for n in range(20)]

    done = command("prepare", "--add", "out", "set", cwd=work)
    assert done.returncode == 0, done.stderr
    data = read_dataset(work / "set")
    after = {sample.path: sample for sample in data.samples}
    # The set knew the truth already, so its rows stay to the letter.
    assert {path: after[path] for path in before} == before
    added = {path: sample for path, sample in after.items() if path not in before}
    new = {path for path in judged if path.startswith("more/")}
    assert {path.removeprefix("corrected/") for path in added} == new
    assert all(sample.label == labels[path[10:]] for path, sample in added.items())
    assert all(sample.split in {"train", "val", "test"} for sample in added.values())
    assert f"Relabelled 0 pictures and added {len(new)} in set/manifest.csv" in done.stderr
    assert "It is judged unsure, so it is left out." in done.stderr
    with (work / "set/history.csv").open(newline="") as file:
        history = list(csv.DictReader(file))
    assert {row["path"] for row in history} == set(added)
    assert {row["reviewer"] for row in history} == {"Anna"}

    again = command("prepare", "--add", "out/corrections.csv", "set", cwd=work)
    assert "Nothing to add: set has the labels of 20 judged pictures already." in again.stderr
    assert read_dataset(work / "set") == data
    verified = command("verify", "out", "--inputs", cwd=work)
    assert verified.returncode == 0, verified.stdout
    resumed = command("predict", "more/pictures", *_first(work), "-o", "out", "--resume", cwd=work)
    assert resumed.returncode == 0, resumed.stderr
    assert len(read_corrections(work / "out/corrections.csv")) == 23


def _first(folder: Path) -> list[Path]:
    pictures = sorted((folder / "set/pictures").iterdir())[:12]
    return [file.relative_to(folder) for file in pictures]


def test_a_wrong_label_is_corrected_in_its_split(work, command):
    number = next(
        n
        for n, item in enumerate(read_queue(work / "out").items)
        if item.record.path.startswith("set/")
    )
    with review(work) as server:
        items = httpx.get(f"{server.address}/v1/review").json()["items"]
        own = {s.path: s for s in read_dataset(work / "set").samples}
        before = own[items[number]["path"].removeprefix("set/")]
        other = "good" if before.label == "crack" else "crack"
        judge(server, number, other)
        server.end(signal.SIGKILL)
    done = command("prepare", "--add", "out", "set", "--no-page", cwd=work)
    assert "Relabelled 1 picture and added 0" in done.stderr, done.stderr
    (after,) = (s for s in read_dataset(work / "set").samples if s.path == before.path)
    assert (after.label, after.split) == (other, before.split)
    assert len(read_dataset(work / "set").samples) == 30


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("keras"), reason="needs the extra `train`")
def test_a_network_trains_on_a_corrected_set(work, command, small):
    items = read_queue(work / "out").items
    labels = truth(work)
    log = CorrectionLog(work / "out/corrections.csv")
    for item in items:
        log.append(item.judge("Anna", labels[item.record.path]))
    log.close()
    assert command("prepare", "--add", "out", "set", cwd=work).returncode == 0
    done = command("train", "--data", "set", "-o", "run", *small, cwd=work)
    assert done.returncode == 0, done.stderr
    environment = json.loads((work / "run/environment.json").read_text())
    data = read_dataset(work / "set")
    assert environment["data_sha256"] == data.data_sha256
    assert len(data.samples) == 42


def test_the_report_carries_what_the_page_needs(work):
    page = (work / "out/report.html").read_text("utf-8")
    data = json.loads(re.search(r'id="review-data">(.*?)</script>', page)[1])
    digests = {item.key: item for item in read_queue(work / "out").items}
    assert ",".join(data["columns"]) + "\n" == HEADER.decode()
    assert data["classes"] == ["crack", "faulty_imprint", "poke", "scratch", "squeeze"]
    keys = [(each["path"], each["capsule"], each["picture_sha256"]) for each in data["items"]]
    assert keys == [key for key in digests if key in set(keys)]
    assert len(keys) == 24


def test_it_serves_under_its_own_name_alone(results):
    with review(results.parent) as server:
        assert httpx.get(server.address).status_code == 200
        strange = httpx.get(f"{server.address}/v1/review", headers={"Host": "evil.example"})
        assert strange.status_code == 400
        assert judge(server, 0, "good", Origin="http://evil.example").status_code == 403
        # As httpx would not send it.
        with server.connect() as connection:
            connection.sendall(
                b"GET /static/../../../review.py HTTP/1.1\r\nHost: localhost\r\n"
                b"Connection: close\r\n\r\n"
            )
            assert b"".join(iter(lambda: connection.recv(4096), b"")).startswith(b"HTTP/1.1 404 ")
        assert "GET" not in server.log
    assert read_corrections(results / "corrections.csv") == ()


def test_two_reviewers_judge_at_once_and_two_servers_do_not(results, invoke):
    with review(results.parent) as server:
        for n, reviewer in enumerate(("Anna", "Ben") * 4):
            assert judge(server, n % 4, "crack", reviewer).status_code == 200
        second = invoke("review", results, "--port", 0, "--no-browser")
        assert second.exit_code == 2
        assert "Another process uses" in second.err
        resumed = invoke("predict", results.parent / "in", "-o", results, "--resume")
        assert resumed.exit_code == 2
    lines = read_corrections(results / "corrections.csv")
    assert Counter(line.reviewer for line in lines) == {"Anna": 4, "Ben": 4}


@pytest.mark.parametrize("place", ["folder_lock.FolderLock.acquire", "files.write_bytes"])
def test_a_folder_that_cannot_be_written_is_one_sentence(results, invoke, monkeypatch, place):
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    name = place.replace("files", "inference.corrections")
    monkeypatch.setattr(f"capsule_inspect.{name}", refuse)
    done = invoke("review", results, "--no-browser")
    assert done.exit_code == 2
    assert "cannot be written: Read-only file system." in done.err
    assert done.err.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")
def test_a_full_disk_is_said_on_the_page_and_nothing_is_lost(results):
    import resource  # noqa: PLC0415

    with review(results.parent) as server:
        assert judge(server, 0, "good").status_code == 200
        full = results / "corrections.csv"
        size = full.stat().st_size
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size + 20, limits[1]))
        answer = judge(server, 1, "crack")
        assert answer.status_code == 507
        assert "File too large. Make room on the disk" in answer.json()["detail"]
        assert full.stat().st_size == size
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
        assert judge(server, 1, "scratch").status_code == 200
    assert [line.label for line in read_corrections(full)] == ["good", "scratch"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--host", "0.0.0.0"), "Other machines can reach '0.0.0.0'."),  # noqa: S104
        (("--reviewer", " "), "--reviewer needs a name of 1 to 100 characters."),
        (("--port", "70000"), "less than or equal to 65535"),
    ],
)
def test_wrong_options_are_one_sentence(invoke, results, options, sentence):
    done = invoke("review", results, "--no-browser", *options)
    assert done.exit_code == 2
    assert sentence in done.err


def test_a_port_in_use_is_one_sentence(invoke, results):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = invoke("review", results, "--no-browser", "--port", taken.getsockname()[1])
    assert done.exit_code == 2
    assert "cannot listen on" in done.err


def test_without_the_extra_it_says_what_to_install(invoke, results, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    done = invoke("review", results, "--no-browser")
    assert done.exit_code == 2
    assert "pip install 'capsule-inspect[serve]'" in done.err


@pytest.mark.parametrize("what", ["pictures", "none", "damaged"])
def test_what_is_no_finished_run_is_one_sentence(invoke, results, pictures, tmp_path, what):
    folder = {"pictures": pictures, "none": tmp_path / "none", "damaged": results}[what]
    if what == "damaged":
        (results / "corrections.csv").write_text("time;who\n1;2\n")
    done = invoke("review", folder, "--no-browser")
    assert done.exit_code == 2
    assert ("no results folder" in done.err) == (what != "damaged")
    assert done.err.count("\n") == 1


def test_add_with_a_split_and_without_corrections_are_one_sentence(invoke, results, dataset_folder):
    both = invoke("prepare", "--add", results, dataset_folder, "--split", "new")
    assert (both.exit_code, both.err.count("\n")) == (2, 1)
    none = invoke("prepare", "--add", results, dataset_folder)
    assert "has no corrections.csv" in none.err


def test_problems_of_corrections_are_listed(invoke, results, dataset_folder, pictures, tmp_path):
    shutil.copytree(dataset_folder, tmp_path / "data")
    items = read_queue(results).items
    log = CorrectionLog(results / "corrections.csv")
    for item in items:
        log.append(item.judge("Anna", "scratch"))
    log.close()
    gone, *_ = sorted(pictures.iterdir())
    gone.unlink()
    done = invoke("prepare", "--add", results, tmp_path / "data")
    assert done.exit_code == 2
    assert f"Problem: {gone}: The file does not exist" in done.err
    assert "has 1 problem, so nothing was written" in done.err
    left = invoke("prepare", "--add", results, tmp_path / "data", "--skip-bad")
    assert left.exit_code == 0
    assert f"Left out: {gone}:" in left.err
    assert "and added 3 in" in left.err


def test_it_works_from_python(results, dataset_folder, tmp_path):
    import capsule_inspect  # noqa: PLC0415  (as a script does)

    shutil.copytree(dataset_folder, tmp_path / "data")
    log = CorrectionLog(results / "corrections.csv")
    log.append(read_queue(results).items[0].judge("Anna", "good"))
    log.close()
    added = capsule_inspect.add_corrections(results, tmp_path / "data", page=False)
    assert [change.new_label for change in added.changes] == ["good"]


@pytest.mark.slow
def test_a_class_that_the_model_does_not_know_goes_all_the_way(work, command):
    with review(work, "--class", "dent") as server:
        page = httpx.get(f"{server.address}/v1/review").json()
        assert page["classes"][-1] == "dent"
        path = page["items"][0]["path"]
        assert judge(server, 0, "dent").status_code == 200
        assert judge(server, 1, "stain").status_code == 400
        server.end()
        assert "prepare --add out DATA --class dent" in server.log
    refused = command("prepare", "--add", "out", "set", "--no-page", cwd=work)
    assert refused.returncode == 2
    assert "'dent' is no class of the data set" in refused.stderr
    done = command("prepare", "--add", "out", "set", "--class", "dent", "--no-page", cwd=work)
    assert done.returncode == 0, done.stderr
    data = read_dataset(work / "set")
    assert "dent" in data.classes
    assert [Path(s.path).name for s in data.samples if s.label == "dent"] == [Path(path).name]


@pytest.mark.parametrize("name", ["good", "unsure", "no_capsule", " ", "a\nb", "x" * 101])
def test_a_class_cannot_be_called_so(results, command, tmp_path, name):
    done = command("review", results, "--class", name, "--no-browser", "--port", 0)
    assert done.returncode == 2
    assert "cannot be the name of a class of defects" in done.stderr
    done = command("prepare", "--add", results, tmp_path / "data", "--class", name)
    assert done.returncode == 2


def test_a_class_is_added_by_corrections_alone(command, tmp_path):
    done = command("prepare", "drawn", tmp_path / "data", "--class", "dent")
    assert done.returncode == 2
    assert "--class is for --add." in done.stderr
