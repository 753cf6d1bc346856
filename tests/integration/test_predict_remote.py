"""`capsule-inspect predict` on pictures elsewhere: in memory, and in an S3 API on this machine."""

from pathlib import Path

import pytest
from in_parts import contents

from capsule_inspect.inference.records import read_records

fsspec = pytest.importorskip("fsspec")


def rows_of(out: Path, start: str) -> list[tuple[object, ...]]:
    """The rows of a run, their paths from where the pictures lie."""
    return [
        (row.path.removeprefix(start), row.status, row.label, row.defect_score, row.overlay)
        for row in read_records(out / "predictions.csv")
    ]


@pytest.fixture
def pictures(tmp_path, paint):
    """Twenty pictures and one that is none, in folders."""
    for number in range(20):
        label = ("good", "crack", "scratch")[number % 3]
        paint(tmp_path / f"in/{'sub/' if number % 2 else ''}{number:02}.png", label)
    (tmp_path / "in/none.png").write_bytes(b"none")
    return tmp_path / "in"


def upload(pictures: Path, place: str) -> None:
    for file in pictures.rglob("*.png"):
        with fsspec.open(f"{place}/{file.relative_to(pictures).as_posix()}", "wb") as copy:
            copy.write(file.read_bytes())


def test_rows_of_pictures_in_memory_are_those_of_local_ones(predict, pictures, tmp_path):
    upload(pictures, "memory://line")
    local = predict(pictures, "-r", "-o", tmp_path / "local", "--masks")
    done = predict("memory://line/", "-r", "-o", tmp_path / "out", "--masks", "--report")
    assert (local.exit_code, done.exit_code) == (3, 3)
    expected = rows_of(tmp_path / "local", f"{pictures}/")
    assert rows_of(tmp_path / "out", "memory://line/") == expected
    own, others = contents(tmp_path / "out"), contents(tmp_path / "local")
    drawn = {name for name in others if name.endswith(".png")}
    assert len(drawn) == 40
    assert {name: own[name] for name in drawn} == {name: others[name] for name in drawn}


def test_a_file_that_cannot_be_had_is_a_row_and_is_mended_by_resuming(predict, pictures, tmp_path):
    upload(pictures / "sub", "memory://few")
    named = ("memory://few/01.png", "memory://few/late.png", "-o", tmp_path / "out")
    done = predict(*named)
    assert done.exit_code == 3
    errors = [row.error for row in read_records(tmp_path / "out/predictions.csv")]
    assert errors == ["", "The file 'memory://few/late.png' does not exist; check the address."]
    fsspec.filesystem("memory").copy("/few/01.png", "/few/late.png")
    assert predict(*named, "--resume").exit_code == 0


def test_parts_of_pictures_elsewhere_join(predict, invoke, pictures, tmp_path):
    upload(pictures, "memory://shared")
    predict("memory://shared/", "-r", "-o", tmp_path / "whole")
    for k in (1, 2, 3):
        predict("memory://shared/", "-r", "-o", tmp_path / f"parts/{k}", "--part", f"{k}/3")
    assert invoke("predict", "--join", tmp_path / "parts", "-o", tmp_path / "out").exit_code == 3
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.usefixtures("store")
def test_rows_of_pictures_in_s3_are_those_of_local_ones(predict, pictures, tmp_path):
    upload(pictures, "s3://bucket/line 3")
    predict(pictures, "-r", "-o", tmp_path / "local")
    expected = rows_of(tmp_path / "local", f"{pictures}/")
    for number, (inputs, start) in enumerate(
        [
            (("s3://bucket/line 3/", "-r"), "s3://bucket/line 3/"),
            (("s3://bucket/line*/*", "s3://bucket/line 3/sub/"), "s3://bucket/line 3/"),
            (("s3://bucket/line 3/**/*.png",), "s3://bucket/line 3/"),
        ]
    ):
        out = tmp_path / f"out{number}"
        done = predict(*inputs, "-o", out)
        assert done.exit_code == 3, done.err
        found = rows_of(out, start)
        assert [row[:4] for row in found] == [row[:4] for row in expected]
    assert rows_of(tmp_path / "out0", "s3://bucket/line 3/") == expected
    top = predict("s3://bucket/line 3", "-o", tmp_path / "top")
    assert "11 pictures" in top.err
    assert predict("s3://bucket/nothing/", "-o", tmp_path / "none").exit_code == 2
    refused = predict("s3://no-bucket/", "-o", tmp_path / "none")
    assert refused.exit_code == 2
    assert "'s3://no-bucket/' does not exist; check the address." in refused.err


def test_a_slow_network_that_fails_at_times_changes_no_row(predict, pictures, tmp_path, store):
    upload(pictures, "s3://bucket/line")
    predict(pictures, "-r", "-o", tmp_path / "local")
    store.latency, store.failing = 0.2, 0.2
    done = predict("s3://bucket/line/", "-r", "-o", tmp_path / "out", "-j", "16")
    assert done.exit_code == 3, done.err
    assert store.failed > 0
    assert rows_of(tmp_path / "out", "s3://bucket/line/") == rows_of(
        tmp_path / "local", f"{pictures}/"
    )
