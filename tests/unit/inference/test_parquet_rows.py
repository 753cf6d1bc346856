import shutil
import subprocess

import pytest

from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.inference import parquet_rows
from capsule_inspect.inference.parquet_rows import rows_schema, write_parquet
from capsule_inspect.inference.records import Record, RecordWriter, record_columns
from capsule_inspect.inference.results_folder import OpenResults

parquet = pytest.importorskip("pyarrow.parquet")

CLASSES = ("good", "crack")
ODD = (
    "=1+1",
    "'quoted'",
    '"a", b',
    "two\nlines\r\n",
    "-é-\U0001f48a",
    "\\udcff",
    "''",
    "1.5",
    "NA",
)


def capsule(path: str, number: int = 0) -> Record:
    score = 0.1 + 1e-17 * number + number / 3
    return Record(
        *(path, "ok", number, "crack", score, 1 - score, 0.09650465959570748, (score, 1 - score)),
        *(2**40 + number, 12.5, 1e-300, 2.0, 3.0, 4.0, -179.99),
        *(f"overlays/{path}.png", "", "", "", "reject"),
    )


@pytest.fixture
def results(tmp_path) -> OpenResults:
    return OpenResults(tmp_path)


def write(results: OpenResults, records: list[Record]) -> None:
    with RecordWriter(results.records, CLASSES) as writer:
        writer.write(records)
    write_parquet(results, CLASSES)


def expected(record: Record) -> dict[str, object]:
    shares = record.probabilities or (None,) * len(CLASSES)
    by_class = {f"p_{name}": share for name, share in zip(CLASSES, shares, strict=True)}
    cells = {name: by_class.get(name, getattr(record, name, None)) for name in columns()}
    return {name: None if cell == "" else cell for name, cell in cells.items()}


def columns() -> tuple[str, ...]:
    return record_columns(CLASSES)


def test_values_are_those_of_the_rows(results):
    records = [capsule(text, number) for number, text in enumerate(ODD)]
    records += [Record(f"{text}.png", "error", error=text) for text in ODD]
    records.append(Record("none.png", "no_capsule", overlay="overlays/none.png", decision="review"))
    write(results, records)
    table = parquet.read_table(results.row_files)
    assert table.schema.equals(rows_schema(CLASSES))
    assert tuple(table.column_names) == columns()
    assert table.to_pylist() == [expected(record) for record in records]


def test_a_file_ends_after_so_many_rows_and_all_files_have_one_schema(results, monkeypatch):
    monkeypatch.setattr(parquet_rows, "ROWS_PER_GROUP", 3)
    monkeypatch.setattr(parquet_rows, "GROUPS_PER_FILE", 2)
    monkeypatch.setattr(parquet_rows, "_PIECE", 1000)
    records = [Record(f"{number}.png", "error", error="No.") for number in range(6)]
    records += [capsule(f"{number}.png") for number in range(6, 14)]
    write(results, records)
    files = sorted(results.row_files.iterdir())
    assert [file.name for file in files] == [f"part-0000{number}.parquet" for number in range(3)]
    assert [parquet.read_metadata(file).num_rows for file in files] == [6, 6, 2]
    assert [parquet.read_metadata(file).num_row_groups for file in files] == [2, 2, 1]
    assert all(parquet.read_schema(file).equals(rows_schema(CLASSES)) for file in files)
    paths = parquet.read_table(results.row_files).column("path").to_pylist()
    assert paths == [record.path for record in records]


def test_no_rows_are_a_file_with_the_schema(results):
    write(results, [])
    (file,) = results.row_files.iterdir()
    assert parquet.read_table(file).num_rows == 0
    assert parquet.read_schema(file).equals(rows_schema(CLASSES))


def test_digests_are_those_of_sha256sum(results):
    write(results, [capsule("a.png")])
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    command = ("sha256sum", "-c", results.row_digests.name)
    assert subprocess.run(command, cwd=results.path, check=False).returncode == 0


def test_a_kill_leaves_no_folder_that_looks_whole(results, monkeypatch):
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(parquet_rows, "hash_in_pieces", fail)
    with pytest.raises(KeyboardInterrupt):
        write(results, [capsule("a.png")])
    assert not results.row_files.exists()
    monkeypatch.undo()
    write_parquet(results, CLASSES)
    assert parquet.read_table(results.row_files).num_rows == 1
    assert not list(results.path.glob(".unfinished*"))


def test_files_of_others_are_not_replaced(results):
    results.row_files.mkdir()
    (results.row_files / "mine.parquet").write_text("mine")
    with pytest.raises(UsageError, match="holds files that no run wrote"):
        write(results, [capsule("a.png")])
    assert (results.row_files / "mine.parquet").read_text() == "mine"


def test_rows_that_someone_edited_are_named(results):
    with RecordWriter(results.records, CLASSES) as writer:
        writer.append(b"a.png,zero\n")
    with pytest.raises(DataError, match=r"predictions\.csv' cannot be read as a predictions\.csv"):
        write_parquet(results, CLASSES)
    assert not results.row_files.exists()
