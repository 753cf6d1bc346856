import os

import pytest
from recorder import Recorder

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.records import Record
from capsule_inspect.inference.removed_files import hash_removed, read_removed
from capsule_inspect.watching.options import parse_size
from capsule_inspect.watching.retention import Retention
from capsule_inspect.watching.troubles import Troubles

DAY = 86400


def put(folder, name, size, days):
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"x" * size)
    os.utime(file, (days * DAY, days * DAY))


def left(folder):
    return sorted(each.name for each in (folder / "overlays").iterdir())


def test_the_oldest_are_removed_and_listed(tmp_path):
    for number in range(5):
        put(tmp_path, f"overlays/{number}.png", 100, number)
    assert (hash_removed(tmp_path), read_removed(tmp_path)) == ("", ())
    retention = Retention(tmp_path, 3, None, Troubles(Recorder()), lambda: 4.5 * DAY)
    retention.run()
    assert left(tmp_path) == ["2.png", "3.png", "4.png"]
    retention.close()
    assert read_removed(tmp_path) == ("overlays/0.png", "overlays/1.png")
    put(tmp_path, "overlays/0.png", 100, 0)  # as if it was killed before it removed this one
    bounded = Retention(tmp_path, None, 250, Troubles(Recorder()))
    bounded.run()
    assert left(tmp_path) == ["3.png", "4.png"]
    put(tmp_path, "overlays/5.png", 100, 9)
    bounded.after(6, [Record("5.png", "ok", overlay="overlays/5.png")])
    bounded.run()
    bounded.close()
    assert left(tmp_path) == ["4.png", "5.png"]
    assert read_removed(tmp_path)[-2:] == ("overlays/2.png", "overlays/3.png")


@pytest.mark.parametrize(
    ("text", "size"),
    [("500", 500), ("1.5GB", 1_500_000_000), ("20g", 20_000_000_000), ("3 kB", 3000)],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "many", "-1", "5 PB", "1e9", "nan", "9" * 400 + "T"])
def test_what_is_no_size_is_a_sentence(text):
    with pytest.raises(UsageError, match="is no size"):
        parse_size(text)
