"""`capsule-inspect predict -o ADDRESS`: results in memory, and in an S3 API on this machine."""

import json
from pathlib import Path

import pytest
from in_parts import contents, predict_parts

from capsule_inspect.cli import predict as cli
from capsule_inspect.inference import addresses, picture_results, remote_results

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """Runs work in a folder below the working directory, and leave results in this process."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(addresses, "_WAITS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(cli, "_FORGETS", ())


@pytest.fixture
def memory():
    """The store in memory, empty."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    return system


def files_at(address: str) -> dict[str, bytes]:
    system, key = fsspec.core.url_to_fs(address)
    system.invalidate_cache()
    return {name.removeprefix(key).lstrip("/"): system.cat_file(name) for name in system.find(key)}


def copy_to(folder: Path, address: str) -> Path:
    for name, data in files_at(address).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


ALL = ("--masks", "--report", "--annotations", "labelme")


def test_the_address_holds_what_a_folder_does(predict, invoke, pictures, tmp_path, memory):
    del memory
    predict(pictures, "-o", tmp_path / "local", *ALL)
    done = predict(pictures, "-o", "memory://lab/results/", *ALL)
    assert done.exit_code == 0, done.err
    told = " ".join(done.err.split())
    assert "Results: memory://lab/results/predictions.csv" in told
    assert "Report: memory://lab/results/report.html" in told
    copy = copy_to(tmp_path / "copy", "memory://lab/results")
    own, others = contents(copy), contents(tmp_path / "local")
    assert own.keys() == others.keys()
    same = [name for name in own if not name.startswith(("annotations", "report", "run.json"))]
    assert {name: own[name] for name in same} == {name: others[name] for name in same}
    assert invoke("verify", copy).exit_code == 0
    assert not any(Path("runs/predict").iterdir())


@pytest.mark.usefixtures("memory")
def test_results_are_replaced_only_when_asked(predict, invoke, pictures, tmp_path):
    named = ("-o", "memory://lab")
    assert predict(pictures, *named, "--annotations", "labelme").exit_code == 0
    before = files_at("memory://lab")
    refused = predict(pictures / "a.png", *named)
    assert refused.exit_code == 2
    told = " ".join(refused.err.split())
    assert "The output 'memory://lab' is not empty. Continue its run with --resume" in told
    assert files_at("memory://lab") == before
    fsspec.filesystem("memory").pipe_file("/lab/overlays-of-mine.txt", b"mine")
    assert predict(pictures / "a.png", *named, "--overwrite").exit_code == 0
    assert set(files_at("memory://lab")) == {
        *("predictions.csv", "digests.csv", "run.json", "overlays/a.png.png"),
        "overlays-of-mine.txt",
    }
    fsspec.filesystem("memory").rm_file("/lab/overlays-of-mine.txt")
    assert invoke("verify", copy_to(tmp_path / "copy", "memory://lab")).exit_code == 0


def test_files_of_others_are_refused(predict, pictures, memory):
    memory.pipe_file("/lab/deep/file.txt", b"mine")
    for option in ((), ("--overwrite",), ("--resume",)):
        refused = predict(pictures, "-o", "memory://lab", *option)
        assert refused.exit_code == 2
        assert "The output 'memory://lab' is not empty." in " ".join(refused.err.split())
    assert files_at("memory://lab") == {"deep/file.txt": b"mine"}


def test_annotations_that_someone_corrected_are_kept(predict, pictures, memory):
    named = (pictures / "b.png", "-o", "memory://lab", "--annotations", "coco")
    predict(*named)
    memory.pipe_file("/lab/annotations/annotations.json", b"{}")
    for option in ("--overwrite", "--resume"):
        refused = predict(*named, option)
        assert refused.exit_code == 2
        assert "was edited since the run wrote it" in " ".join(refused.err.split())
    assert memory.cat_file("/lab/annotations/annotations.json") == b"{}"


def test_an_earlier_run_is_fetched_and_continued(predict, pictures, memory, tmp_path, monkeypatch):
    named = (pictures, "-o", "memory://lab")
    data = (pictures / "d.png").read_bytes()
    (pictures / "d.png").write_bytes(b"none")
    assert predict(*named).exit_code == 3
    (pictures / "d.png").write_bytes(data)
    sent, put = [], memory.put_file
    monkeypatch.setattr(
        type(memory), "put_file", lambda _, file, key: (sent.append(key), put(file, key))
    )
    assert predict(*named, "--resume").exit_code == 0
    assert sorted(sent) == [
        f"/lab/{name}" for name in ("digests.csv", "overlays/d.png.png", "predictions.csv")
    ] + ["/lab/run.json"]
    assert sent[-1] == "/lab/run.json"
    predict(pictures, "-o", tmp_path / "local")
    own, local = files_at("memory://lab"), contents(tmp_path / "local")
    assert {**own, "run.json": b""} == {**local, "run.json": b""}
    other = predict(*named, "--resume", "--masks")
    assert other.exit_code == 2
    assert "masks was False, now True" in " ".join(other.err.split())


def test_an_upload_that_fails_is_repeated_by_resuming(predict, pictures, memory, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError("the way there is closed")

    named = (pictures, "-o", "memory://lab")
    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "put_file", fail)
        failed = predict(*named)
    assert failed.exit_code == 2
    told = " ".join(failed.err.split())
    assert "'memory://lab' cannot be written: the way there is closed" in told
    assert "upload it with the same command and --resume." in told
    assert "run.json" not in files_at("memory://lab")
    assert predict(*named).exit_code == 2
    inspected, inspect = [], picture_results.inspect_input
    monkeypatch.setattr(
        picture_results,
        "inspect_input",
        lambda *given: (inspected.append(given[1].name), inspect(*given))[1],
    )
    assert predict(*named, "--resume").exit_code == 0
    assert inspected == ["d.png"]  # nobody knows whether the last one had more rows
    assert "run.json" in files_at("memory://lab")
    assert ".unfinished-run.json" not in files_at("memory://lab")
    assert not any(Path("runs/predict").iterdir())


def test_a_stop_names_the_address(predict, pictures, memory, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    named = (pictures, "-o", "memory://lab", "-j", "1")
    with monkeypatch.context() as patch:
        patch.setattr(picture_results, "inspect_input", stop)
        stopped = predict(*named)
    assert stopped.exit_code == 130
    assert "--resume -o 'memory://lab'." in " ".join(stopped.err.split())
    assert set(files_at("memory://lab")) == {".unfinished-run.json"}
    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "put_file", stop)
        stopped = predict(*named, "--resume")
    assert stopped.exit_code == 130
    assert "Stopped while uploading." in stopped.err
    assert predict(*named, "--resume").exit_code == 0


def fail_after(count: int, real):
    """Returns what stands in for a verb of a store, and fails once it was called so often."""
    calls = iter(range(count))

    def act(_: object, *given: object) -> None:
        if next(calls, None) is None:
            raise OSError("the way there is closed")
        real(*given)

    return act


def test_what_half_an_upload_left_is_not_kept(
    predict, invoke, pictures, memory, tmp_path, monkeypatch
):
    named = (pictures, "-o", "memory://lab", "-j", "1")
    assert predict(*named, "--annotations", "labelme").exit_code == 0
    again = ("--masks", "--threshold", "0.9", "--annotations", "labelme")
    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "put_file", fail_after(2, memory.put_file))
        assert predict(*named, *again, "--overwrite").exit_code == 2
    left = files_at("memory://lab")
    assert ".unfinished-run.json" in left
    assert "predictions.csv" in left
    assert "run.json" not in left
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert predict(*named, *again, "--resume").exit_code == 0
    predict(pictures, "-o", tmp_path / "local", *again)
    own = files_at("memory://lab")
    assert own.keys() == contents(tmp_path / "local").keys()
    assert own["predictions.csv"] == (tmp_path / "local/predictions.csv").read_bytes()
    assert invoke("verify", copy_to(tmp_path / "copy", "memory://lab")).exit_code == 0


@pytest.mark.usefixtures("memory")
def test_a_refused_resumption_leaves_no_download(predict, pictures):
    predict(pictures, "-o", "memory://lab")
    before = files_at("memory://lab")
    assert predict(pictures, "-o", "memory://lab", "--masks", "--resume").exit_code == 2
    assert not any(Path("runs/predict").iterdir())
    assert files_at("memory://lab") == before


def test_newer_results_of_another_machine_are_kept(
    predict, pictures, memory, tmp_path, monkeypatch
):
    named = (pictures, "-o", "memory://lab")
    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "put_file", fail_after(0, memory.put_file))
        assert predict(*named).exit_code == 2
    (tmp_path / "elsewhere").mkdir()
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path / "elsewhere")
        assert predict(*named, "--overwrite").exit_code == 0
    newer = files_at("memory://lab")
    refused = predict(*named, "--resume")
    assert refused.exit_code == 2
    told = " ".join(refused.err.split())
    assert "Another run has begun or ended at 'memory://lab' since the one in 'runs/" in told
    assert "Remove that folder to continue what is there now" in told
    assert files_at("memory://lab") == newer
    assert predict(*named, "--overwrite").exit_code == 0


@pytest.mark.usefixtures("memory")
def test_a_run_that_another_one_has_overtaken_uploads_nothing(
    predict, pictures, tmp_path, monkeypatch
):
    def overtake(*given: object):
        with monkeypatch.context() as inner:
            inner.setattr(picture_results, "inspect_input", inspect)
            inner.chdir(tmp_path)
            assert predict(pictures, "-o", "memory://lab", "--masks", "--overwrite").exit_code == 0
        return inspect(*given)

    inspect = picture_results.inspect_input
    monkeypatch.setattr(picture_results, "inspect_input", overtake)
    late = predict(pictures / "a.png", "-o", "memory://lab", "-j", "1")
    assert late.exit_code == 2
    assert "Its results are whole; copy them from there" in " ".join(late.err.split())
    assert json.loads(files_at("memory://lab")["run.json"])["masks"] is True


def test_corrections_are_kept_when_a_stopped_run_goes_on(predict, pictures, memory, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    named = (pictures / "b.png", "-o", "memory://lab", "--annotations", "labelme")
    assert predict(*named).exit_code == 0
    with monkeypatch.context() as patch:
        patch.setattr(picture_results, "inspect_input", stop)
        assert predict(*named, "--overwrite", "-j", "1").exit_code == 130
    (name,) = (name for name in files_at("memory://lab") if name.startswith("annotations/"))
    memory.pipe_file(f"/lab/{name}", b"{}")
    refused = predict(*named, "--resume")
    assert refused.exit_code == 2
    told = " ".join(refused.err.split())
    assert f"'memory://lab/{name}' was edited since the run wrote it" in told
    assert memory.cat_file(f"/lab/{name}") == b"{}"


def test_overlays_and_masks_of_runs_are_no_pictures(predict, pictures, memory, tmp_path):
    for file in pictures.iterdir():
        memory.pipe_file(f"/lab/{file.name}", file.read_bytes())
    memory.pipe_file("/lab/overlays/own.png", (pictures / "a.png").read_bytes())
    assert predict("memory://lab", "-o", "memory://lab/out", "--masks").exit_code == 0
    for number, named in enumerate(("memory://lab/", "memory://lab/**/*.png")):
        assert predict(named, "-r", "-o", tmp_path / f"{number}").exit_code == 0
        overlays = contents(tmp_path / f"{number}")
        assert sorted(name for name in overlays if name.endswith(".png")) == [
            *(f"overlays/{name}.png.png" for name in "abcd"),
            "overlays/overlays/own.png.png",
        ]
    refused = predict("memory://lab/out/overlays", "-o", tmp_path / "none")
    assert refused.exit_code == 2
    assert "nothing to inspect but the run's own overlays and masks" in refused.err


def test_a_place_that_ends_with_the_process_is_refused(predict, pictures, memory, monkeypatch):
    monkeypatch.setattr(cli, "_FORGETS", ("memory",))
    refused = predict(pictures, "-o", "Memory://lab/x")
    assert refused.exit_code == 2
    assert "would be lost when the command ends" in " ".join(refused.err.split())
    assert not memory.store


@pytest.mark.usefixtures("memory")
def test_results_go_to_folders_that_must_be_made(predict, invoke, pictures, tmp_path):
    out = tmp_path / "disk/day 1/out"
    assert predict(pictures, "-o", f"file://{out}", *ALL).exit_code == 0
    assert invoke("verify", out).exit_code == 0
    assert predict(pictures, "-o", f"file://{out}", "--overwrite").exit_code == 0
    assert invoke("verify", out).exit_code == 0


def test_files_of_others_among_annotations_and_rows_are_kept(predict, pictures, memory):
    named = (pictures / "b.png", "-o", "memory://lab", "--annotations", "labelme")
    assert predict(*named).exit_code == 0
    for name in ("annotations/mine.json", "rows/mine.parquet"):
        memory.pipe_file(f"/lab/{name}", b"mine")
        for option in ("--overwrite", "--resume"):
            refused = predict(*named, option)
            assert refused.exit_code == 2
            told = " ".join(refused.err.split())
            assert f"'memory://lab/{name}' was written by no run." in told
        assert memory.cat_file(f"/lab/{name}") == b"mine"
        memory.rm_file(f"/lab/{name}")


def test_no_mark_stays_where_no_run_can_work(predict, pictures, memory):
    Path("runs").touch()
    assert predict(pictures, "-o", "memory://lab").exit_code == 2
    assert not memory.store


@pytest.mark.usefixtures("memory")
def test_messages_name_the_address(predict, pictures):
    assert predict(pictures, "-o", "memory://lab").exit_code == 0
    for option in (("--masks",), ("--part", "1/2")):
        refused = predict(pictures, "-o", "memory://lab", *option, "--resume")
        assert refused.exit_code == 2
        assert "The run in 'memory://lab' " in " ".join(refused.err.split())


@pytest.mark.parametrize("command", [("verify",), ("review",), ("predict", "-o", "x", "--join")])
def test_commands_on_folders_say_that_an_address_is_none(invoke, command):
    refused = invoke(*command, "s3://bucket/r1")
    assert refused.exit_code == 2
    said = " ".join(refused.err.split())
    assert "'s3://bucket/r1' is an address, and no folder on this machine. Download it" in said


def test_a_name_that_leads_out_of_the_folder_is_not_fetched(predict, pictures, memory, tmp_path):
    predict(pictures, "-o", "memory://lab")
    memory.store["/lab/overlays/../../../../out.txt"] = memory.store["/lab/run.json"]
    remote = remote_results.RemoteResults.open("memory://lab")
    fetched = remote.download(tmp_path / "copy")
    assert "overlays/a.png.png" in fetched
    assert not any("out.txt" in name for name in fetched)
    assert not list(tmp_path.rglob("out.txt"))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://example.com/out", "is on a web server, which takes no results."),
        ("memory://", "names no bucket or folder."),
        ("nowhere://lab", "is no address that can be read"),
        ("HTTPS://example.com/out", "is on a web server"),
    ],
)
def test_what_takes_no_results_is_refused_at_once(predict, pictures, address, message):
    refused = predict(pictures, "-o", address)
    assert refused.exit_code == 2
    assert message in " ".join(refused.err.split())


@pytest.mark.usefixtures("memory")
def test_parts_are_joined_to_an_address(invoke, pictures, tmp_path, tiny_model):
    parts = predict_parts(pictures, tmp_path / "parts", 2, model=tiny_model)
    done = invoke("predict", "--join", *parts, "-o", "memory://lab")
    assert done.exit_code == 0, done.err
    assert "Results: memory://lab/predictions.csv" in " ".join(done.err.split())
    assert invoke("verify", copy_to(tmp_path / "copy", "memory://lab")).exit_code == 0


def test_results_in_s3_over_a_network_that_fails(predict, invoke, pictures, tmp_path, store):
    store.failing = 0.2
    done = predict(pictures, "-o", "s3://bucket/day 1/out", "--masks")
    assert done.exit_code == 0, done.err
    assert store.failed > 0
    store.failing = 0.0
    copy = copy_to(tmp_path / "copy", "s3://bucket/day 1/out")
    assert invoke("verify", copy).exit_code == 0
    assert len(list(copy.rglob("*.png"))) == 8
    assert json.loads((copy / "run.json").read_bytes())["digests"]["pictures"] == 4
    assert predict(pictures, "-o", "s3://bucket/day 1/out").exit_code == 2
    assert predict(pictures, "-o", "s3://bucket/day 1/out", "--masks", "--resume").exit_code == 0
    missing = predict(pictures, "-o", "s3://no-bucket/out")
    assert missing.exit_code == 2
    assert "'s3://no-bucket/out' does not exist; check the address." in " ".join(
        missing.err.split()
    )
    assert not any(Path("runs/predict").iterdir())
