import csv
import errno
import os
from dataclasses import replace

import pytest

from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.inference.corrections import (
    COLUMNS,
    HEADER,
    UNSURE,
    Correction,
    CorrectionLog,
    Judgements,
    now,
    read_corrections,
)

A = Correction(
    "2026-11-30T22:52:51+00:00", "Anna", "p/a.png", 0, 1, "a" * 64, "good", 0.25, "crack"
)
B = replace(A, path="p/b.png", picture_sha256="b" * 64)
EVERYTHING = {A.key, B.key}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "corrections.csv"


def log_of(path, *lines):
    log = CorrectionLog(path)
    for line in lines:
        log.append(line)
    log.close()
    return path.read_bytes()


def test_each_judgement_is_a_line(path):
    assert log_of(path, A, replace(A, capsule=None, defect_score=None, label_model="")) == (
        b"time,reviewer,path,capsule,capsules,picture_sha256,label_model,defect_score,label\n"
        + f"2026-11-30T22:52:51+00:00,Anna,p/a.png,0,1,{'a' * 64},good,0.25,crack\n".encode()
        + f"2026-11-30T22:52:51+00:00,Anna,p/a.png,,1,{'a' * 64},,,crack\n".encode()
    )


@pytest.mark.parametrize("name", ["=1+1", "a,b", 'say "x"', "'quoted", "two\nlines", " é ", "-a;b"])
def test_hostile_names_come_back(path, name):
    line = replace(A, path=name, reviewer=name.strip() or "x", label="@class")
    data = log_of(path, line, B)
    assert read_corrections(path) == (replace(line, reviewer=line.reviewer.strip()), B)
    cells = list(csv.reader(data.decode().splitlines(keepends=True)))[1]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_the_last_judgement_counts_and_an_empty_label_takes_it_back():
    steps = [A, replace(A, label="good"), replace(A, label=""), B, replace(B, label="")]
    labels = []
    for count in range(1, len(steps) + 1):
        counting = Judgements(steps[:count])
        labels.append([getattr(counting.of(each.key), "label", None) for each in (A, B)])
    assert labels == [
        ["crack", None],
        ["good", None],
        ["crack", None],
        ["crack", "crack"],
        ["crack", None],
    ]
    assert Judgements(steps).standing() == (A,)


def test_taking_back_more_than_there_is_does_nothing():
    withdrawn = replace(A, label="")
    assert Judgements([withdrawn, withdrawn, A]).standing() == (A,)


def test_undo_goes_back_step_by_step_and_leaves_those_of_others(path):
    log = CorrectionLog(path)
    for line in (A, B, replace(A, reviewer="Ben", label=UNSURE)):
        log.append(line)
    assert log.undo("Anna", EVERYTHING) == B
    assert log.undo("Anna", EVERYTHING) is None  # Ben has judged the other since
    assert log.undo("Ben", {B.key}) is None
    assert log.undo("Ben", EVERYTHING).label == UNSURE
    assert log.undo("Anna", EVERYTHING) == A
    assert log.judgements.standing() == ()
    log.close()
    assert [line.label for line in read_corrections(path)] == ["crack", "crack", UNSURE, "", "", ""]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_half_written_line_is_taken_out(path, cut):
    whole = log_of(path, A)
    line = B.to_csv()
    path.write_bytes(whole + line[: len(line) - cut] if cut else whole)
    assert read_corrections(path) == (A,)
    said = []
    log = CorrectionLog(path, said.append)
    log.append(B)
    log.close()
    assert len(said) == 1
    assert path.read_bytes() == whole + line


@pytest.mark.parametrize("left", [b"", HEADER[:9], HEADER, b"\0" * 512])
def test_a_file_that_died_at_its_start_is_begun_again(path, left):
    path.write_bytes(left)
    assert read_corrections(path) == ()
    assert log_of(path, A) == HEADER + A.to_csv()


def test_zeros_of_a_power_cut_are_taken_out(path):
    whole = log_of(path, A)
    path.write_bytes(whole + b"\0" * 4096)
    assert log_of(path, B) == whole + B.to_csv()


def test_a_file_from_a_spreadsheet_is_read_and_written_anew(path):
    text = log_of(path, A, replace(B, path="p/ä.png")).decode()
    cells = list(csv.reader(text.splitlines()))
    lines = [[*row, "", ""] for row in cells]
    lines[0][-2] = "remark"
    lines[2][lines[0].index("defect_score")] = "0,25"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=";", lineterminator="\r\n").writerows(
            [*(row[:-1] for row in lines), [""] * 10]
        )
    assert read_corrections(path) == (A, replace(B, path="p/ä.png"))
    path.write_text(path.read_text("utf-8-sig"), "utf-16")
    assert len(read_corrections(path)) == 2
    assert log_of(path, A) == text.encode() + A.to_csv()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("a" * 64, "a" * 63, "line 2: 'a+' is no SHA-256"),
        (",0,1,", ",1,1,", "line 2: there is no capsule 1 of 1"),
        (",0,1,", ",-1,1,", "line 2: there is no capsule -1 of 1"),
        (",0,1,", ",x,1,", "line 2: invalid literal"),
        ("0.25", "nan", "line 2: 'nan' is no score"),
        ("p/a.png", "", "line 2: the path is empty"),
        (",crack", "", "line 2: it does not have as many cells"),
        ("p/a.png", '"p/a.png', "unexpected end of data"),
        ("reviewer,", "who,", "the column reviewer 0 times"),
        ("Anna", "Anna\udcff", "line 2 holds the byte 0xFF, which is not UTF-8"),
    ],
)
def test_a_damaged_line_is_named_and_nothing_is_cut_off(path, old, new, sentence):
    text = log_of(path, A, B).decode().replace(old, new, 1)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = path.read_bytes()
    for read in (read_corrections, CorrectionLog):
        with pytest.raises(DataError, match=sentence):
            read(path)
    assert path.read_bytes() == before


def test_a_full_disk_is_a_sentence_and_leaves_what_was_stored(path, monkeypatch):
    log = CorrectionLog(path)
    log.append(A)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("capsule_inspect.inference.corrections.os.fsync", full)
        with pytest.raises(UsageError, match=r"No space left on device\. Make room on the disk"):
            log.append(B)
        with pytest.raises(UsageError, match="No space left"):
            log.undo("Anna", EVERYTHING)
    assert path.read_bytes() == before
    assert log.judgements.standing() == (A,)
    log.append(B)
    log.close()
    assert path.read_bytes() == before + B.to_csv()


@pytest.mark.parametrize("change", ["removed", "replaced", "grown"])
def test_nothing_is_written_beside_another_program(path, change):
    log = CorrectionLog(path)
    log.append(A)
    if change == "grown":
        with path.open("ab") as file:
            file.write(B.to_csv())
    else:
        data = path.read_bytes()
        path.unlink()
        if change == "replaced":
            path.write_bytes(data)
    with pytest.raises(UsageError, match=r"was changed or removed by another program"):
        log.append(B)
    log.close()


def test_a_missing_file_and_a_folder_are_sentences(path):
    with pytest.raises(DataError, match=r"corrections\.csv' cannot be read: No such file"):
        read_corrections(path)
    path.mkdir()
    with pytest.raises(UsageError, match=r"cannot be written: Is a directory"):
        CorrectionLog(path)


def test_the_time_is_utc_in_seconds():
    assert len(now()) == len("2026-11-30T22:52:51+00:00")
    assert now().endswith("+00:00")
    assert COLUMNS[0] == "time"
