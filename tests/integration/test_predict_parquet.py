"""`capsule-inspect predict --rows parquet`: sealed, resumed, joined, and read by others."""

import importlib.util
from pathlib import Path

import pytest
from in_parts import contents
from parquet import READERS, compare, make_rows, schemas, write

from capsule_inspect.inference import picture_results
from capsule_inspect.inference.records import read_records
from capsule_inspect.inference.results_folder import ResultsFolder

reader = pytest.importorskip("pyarrow.parquet")


def labels(out: Path) -> list[str | None]:
    return reader.read_table(out / "rows").column("label").to_pylist()


def test_a_run_has_its_rows_as_parquet_and_is_sealed(predict, invoke, pictures, tmp_path):
    (pictures / "none.png").write_bytes(b"none")
    out = tmp_path / "out"
    assert predict(pictures, "-o", out, "--rows", "parquet", "--report").exit_code == 3
    assert labels(out) == [row.label or None for row in read_records(out / "predictions.csv")]
    assert invoke("verify", out).exit_code == 0
    file = out / "rows/part-00000.parquet"
    data = file.read_bytes()
    file.write_bytes(data[:-1])
    (out / "rows/more.parquet").write_bytes(data)
    told = invoke("verify", out)
    assert told.exit_code == 1
    assert "'rows/part-00000.parquet' was edited." in told.out + told.err
    assert "'rows/more.parquet' was added." in told.out + told.err
    (out / "rows.sha256").unlink()
    told = invoke("verify", out)
    assert "rows.sha256 was removed, so the rows as Parquet cannot be verified." in (
        told.out + told.err
    )


def test_resuming_makes_them_anew_adds_them_or_takes_them_away(predict, invoke, pictures, tmp_path):
    out = tmp_path / "out"
    predict(pictures / "a.png", pictures / "b.png", "-o", out)
    plain = contents(out)
    named = (pictures / "a.png", pictures / "b.png", "-o", out)
    assert predict(*named, "--resume", "--rows", "parquet").exit_code == 0
    whole = contents(out)
    assert labels(out) == ["good", "crack"]
    (out / ".unfinished-rows").mkdir()
    (out / ".unfinished-rows/part-00000.parquet").write_bytes(b"half")
    assert predict(*named, "--resume", "--rows", "parquet").exit_code == 0
    assert contents(out) == whole
    assert predict(pictures, "-o", out, "--overwrite", "--rows", "parquet").exit_code == 0
    assert labels(out) == ["good", "crack", "scratch", "good"]
    assert predict(*named, "--overwrite").exit_code == 0
    assert contents(out) == plain
    assert invoke("verify", out).exit_code == 0


def test_files_of_others_are_refused_before_any_picture_is_inspected(
    predict, pictures, tmp_path, monkeypatch
):
    inspected = []
    monkeypatch.setattr(picture_results, "inspect_input", lambda *given: inspected.append(given))
    out = tmp_path / "out"
    (out / "rows").mkdir(parents=True)
    (out / "run.json").write_text('{"made_by": "capsule-inspect predict"}')
    (out / "rows/mine.parquet").write_text("mine")
    refused = predict(pictures, "-o", out, "--rows", "parquet", "--overwrite", "-j", "1")
    assert refused.exit_code == 2
    assert "holds files that no run wrote" in " ".join(refused.err.split())
    assert not inspected


def test_joined_parts_have_the_rows_of_one_run(predict, invoke, pictures, tmp_path):
    predict(pictures, "-o", tmp_path / "whole", "--rows", "parquet")
    for k in (1, 2):
        predict(pictures, "-o", tmp_path / f"parts/{k}", "--part", f"{k}/2", "--rows", "parquet")
    joined = tmp_path / "out"
    done = invoke("predict", "--join", tmp_path / "parts", "-o", joined, "--rows", "parquet")
    assert done.exit_code == 0, done.err
    assert "--resume --report --rows parquet -o" in " ".join(done.err.split())
    assert contents(joined) == contents(tmp_path / "whole")
    assert invoke("verify", joined).exit_code == 0


def test_without_the_package_it_says_what_to_install(predict, pictures, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find(name)
    )
    done = predict(pictures, "-o", tmp_path / "out", "--rows", "parquet")
    assert done.exit_code == 2
    assert "pip install 'capsule-inspect[parquet]'" in done.err.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_a_run_without_them_does_not_load_the_package(modules_after, pictures, tmp_path):
    loaded = modules_after("predict", pictures / "a.png", "-q", "-o", tmp_path / "out")
    assert "pyarrow" not in loaded


@pytest.mark.slow
def test_many_rows_need_little_memory_and_are_the_same_for_every_reader(tmp_path):
    pytest.importorskip("pandas")
    pytest.importorskip("duckdb")
    results, count = ResultsFolder(tmp_path), 200_000
    make_rows(results.path, count)
    _, peak = write(results.path)
    assert peak * 2**20 <= 200e6
    files = sorted(results.row_files.iterdir())
    assert len(files) == 2
    assert len(schemas(files)) == 1
    for read in READERS.values():
        assert compare(results, read) == (count, count)
