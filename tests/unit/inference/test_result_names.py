from pathlib import PurePosixPath

import pytest

from capsule_inspect.inference.result_names import fold_name, mark_name, safe_name


@pytest.mark.parametrize(
    ("way", "name"),
    [
        ("line/a.png", "line/a.png"),
        ("/etc/a.png", "etc/a.png"),
        ("../../x/../y.png", "x/y.png"),
        ("caf\udce9.png", r"caf\udce9.png"),
    ],
)
def test_ways_are_kept_but_for_what_leads_out(way, name):
    assert safe_name(PurePosixPath(way)) == name


def test_long_parts_are_cut_and_marked():
    one, other = (safe_name(PurePosixPath(f"{'é' * 200}{last}.png")) for last in "ab")
    assert one != other
    assert one.startswith("é" * 100)
    for name in (one, other):
        assert len(name.encode()) <= 240
        assert name.endswith(".png")


def test_long_ways_become_a_name_of_one_part():
    ways = [PurePosixPath(*["d" * 200] * 6, last, "a.png") for last in "xy"]
    names = {safe_name(way) for way in ways}
    assert len(names) == 2
    assert all("/" not in name and name.startswith("a-") for name in names)


def test_a_mark_is_of_the_source_and_stands_before_the_extension():
    marked = mark_name("line/a.png", "one/line/a.png")
    assert marked != mark_name("line/a.png", "two/line/a.png")
    assert marked == mark_name("line/a.png", "one/line/a.png")
    assert marked.startswith("line/a-")
    assert marked.endswith(".png")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("2026-11-25T08:17:31.png", "2026-11-25T08_17_31.png"),
        ('a<b>"c|d?e*.png', "a_b__c_d_e_.png"),
        ("back\\slash.png", "back_slash.png"),
        ("ends. ./a.png", "ends___/a.png"),
        ("line\nbreak.png", "line_break.png"),
        ("con.png", "_con.png"),
        ("COM1/nul", "_COM1/_nul"),
        ("console.png", "console.png"),
        ("Prüfung 3 (neu).png", "Prüfung 3 (neu).png"),
    ],
)
def test_names_can_be_written_on_any_share(name, safe):
    assert safe_name(PurePosixPath(name)) == safe


@pytest.mark.parametrize("other", ["LINE/a.PNG", "line/a.png"])
def test_names_that_some_file_systems_take_for_one_are_folded_alike(other):
    assert fold_name("line/a.png") == fold_name(other)
    assert fold_name("caf\u00e9.png") == fold_name("CAFE\u0301.png")
