import shutil
from contextlib import closing, contextmanager
from datetime import date

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.batch import run_settings
from capsule_inspect.inference.inspect_picture import InspectOptions, inspect_picture
from capsule_inspect.inference.inspector import load
from capsule_inspect.inference.records import csv_line
from capsule_inspect.inference.results_folder import ResultsFolder
from capsule_inspect.inference.verify import verify_results
from capsule_inspect.watching.ledger import COLUMNS
from capsule_inspect.watching.options import WatchOptions, parse_rotation
from capsule_inspect.watching.results import WatchResults
from capsule_inspect.watching.rotation import FolderSeries, find_folders


@pytest.fixture
def inspector(tiny_model):
    return load(tiny_model)


@pytest.fixture
def inspected(inspector, paint, tmp_path):
    """Four pictures, of which the last is none."""
    data = [paint(tmp_path / f"{n}.png", n).read_bytes() for n in ("good", "crack", "scratch")]
    return [
        inspect_picture(inspector, f"{number}", content, InspectOptions(), f"{number}.png")
        for number, content in enumerate([*data, b"x"])
    ]


@pytest.fixture
def resumed(inspector, tmp_path):
    """Opens the series of folders in `out`, as a watch that begins does."""
    (tmp_path / "out").mkdir()

    @contextmanager
    def run(rotation, today=date.today, warn=lambda _: None):
        settings = run_settings(inspector, InspectOptions())
        series = FolderSeries(tmp_path / "out", settings, rotation, warn, today)
        with closing(series):
            earlier = series.read_earlier(inspector.classes)
            with closing(WatchResults(series.open(), inspector.classes, earlier, series)) as rows:
                yield rows

    return run


def paths_in(folder):
    lines = (folder / "predictions.csv").read_text(encoding="utf-8").splitlines()[1:]
    return [line.split(",")[0] for line in lines]


def test_a_day_ends_at_midnight_and_a_clock_that_goes_back_begins_none(
    resumed, inspected, tmp_path
):
    days = [date(2026, 12, 1), date(2026, 12, 2), date(2026, 11, 30), date(2026, 12, 2)]
    now = iter(days)
    current = next(now)
    out = tmp_path / "out"
    with resumed("daily", lambda: current) as rows:
        rows.append(0, inspected[:1])
        for number in (1, 2, 3):
            current = next(now)
            rows.append(number, inspected[number : number + 1])
        rows.seal()
        assert rows.count == 4
    assert find_folders(out, "daily") == ["2026-12-01", "2026-12-02"]
    assert paths_in(out / "2026-12-01") == ["0.png"]
    assert paths_in(out / "2026-12-02") == ["1.png", "2.png", "3.png"]
    for name, pictures in (("2026-12-01", 1), ("2026-12-02", 3)):
        verified = verify_results(out / name)
        assert (verified.problems, verified.pictures) == ((), pictures)


def test_a_watch_that_begins_again_goes_on_in_the_last_folder_and_knows_all(
    resumed, inspected, tmp_path
):
    out = tmp_path / "out"
    for number in range(4):
        with resumed(400) as rows:  # the header and a row or two
            assert rows.count == number
            assert [each.path for each in rows.pictures] == [f"{n}.png" for n in range(number)]
            rows.append(number, inspected[number : number + 1])
            rows.seal()
    names = find_folders(out, 400)
    assert 1 < len(names) < 4
    found = [path for name in names for path in paths_in(out / name)]
    assert found == ["0.png", "1.png", "2.png", "3.png"]
    assert all(verify_results(out / name).problems == () for name in names)
    with resumed(400) as rows:
        assert rows.errors == {3}


def test_a_folder_that_is_removed_keeps_its_numbers(resumed, inspected, tmp_path):
    with resumed(1) as rows:
        for number in range(3):
            rows.append(number, inspected[number : number + 1])
        rows.seal()
    names = find_folders(tmp_path / "out", 1)
    assert names == ["000001", "000002", "000003"]
    for file in sorted((tmp_path / "out/000001").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (tmp_path / "out/000001").rmdir()
    with resumed(1) as rows:
        assert rows.count == 3
        assert [each.path for each in rows.pictures] == ["1.png", "2.png"]
        rows.append(3, inspected[3:])
        assert rows.folder.path.name == "000004"
        rows.seal()


def test_what_was_half_written_when_a_folder_ended_is_written_once(
    resumed, inspected, tmp_path, monkeypatch
):
    opened = FolderSeries.open
    with resumed(1) as rows:
        rows.append(0, inspected[:1])

        def fail(_series):
            raise UsageError("The disk is full.")

        monkeypatch.setattr(FolderSeries, "open", fail)
        for _ in range(2):
            with pytest.raises(UsageError, match="full"):
                rows.append(1, inspected[1:3])
        monkeypatch.setattr(FolderSeries, "open", opened)
        rows.append(1, inspected[1:3])
        rows.seal()
    out = tmp_path / "out"
    assert paths_in(out / "000001") == ["0.png"]
    assert paths_in(out / "000002") == ["1.png", "2.png"]
    assert all(verify_results(out / name).problems == () for name in ("000001", "000002"))
    assert ResultsFolder(out / "000001").read_seal() is not None


def test_a_folder_of_a_day_to_come_is_warned_of_once(resumed, inspected, tmp_path):
    said = []
    today = date(2036, 1, 1)
    with resumed("daily", lambda: today, said.append) as rows:
        rows.append(0, inspected[:1])
        assert said == []
        today = date(2026, 12, 1)
        rows.append(1, inspected[1:2])
        rows.append(2, inspected[2:3])
        rows.seal()
    assert len(said) == 1
    (tmp_path / "out/2026-13-45").mkdir()
    with resumed("daily", lambda: today, said.append) as rows:
        assert rows.folder.path.name == "2036-01-01"
    assert len(said) == 2
    assert "2036-01-01', is of a day that has not come" in said[1]
    (tmp_path / "out/2036-01-01").rename(tmp_path / "out/2026-11-30")
    with resumed("daily", lambda: today, said.append) as rows:
        rows.append(3, inspected[3:])
        assert rows.folder.path.name == "2026-12-01"
    assert len(said) == 2
    assert find_folders(tmp_path / "out", "daily") == ["2026-11-30", "2026-12-01"]


def test_that_the_newest_folder_is_gone_is_said(resumed, inspected, tmp_path):
    said = []
    with resumed(1, warn=said.append) as rows:
        rows.append(0, inspected[:1])
        rows.append(1, inspected[1:2])
        rows.seal()
    (tmp_path / "out/watched.csv").write_bytes(csv_line(COLUMNS) + b"0.png,1,2,ab\n")
    with resumed(1, warn=said.append):
        pass
    assert said == []
    shutil.rmtree(tmp_path / "out/000002")
    with resumed(1, warn=said.append) as rows:
        rows.append(1, inspected[1:2])
        rows.seal()
    assert len(said) == 1
    assert said[0].startswith("The newest results folder is gone.")
    with resumed(1, warn=said.append):
        pass
    assert len(said) == 1


def test_a_rotation_is_a_day_or_a_size():
    assert parse_rotation("Daily") == "daily"
    assert parse_rotation("5MB") == 5_000_000
    for text in ("weekly", "0", "-1"):
        with pytest.raises(UsageError, match=f"--rotate is '{text}'. Write daily, or a size"):
            parse_rotation(text)
    with pytest.raises(UsageError, match="neither --keep-overlays nor --max-disk"):
        WatchOptions(rotate="daily", keep_overlays=3)
