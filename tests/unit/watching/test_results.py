import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.batch import run_settings
from capsule_inspect.inference.digests import PictureDigests
from capsule_inspect.inference.inspect_picture import InspectOptions, inspect_picture
from capsule_inspect.inference.inspector import load
from capsule_inspect.inference.results_folder import open_results
from capsule_inspect.inference.verify import verify_results
from capsule_inspect.watching.results import ResultNames, WatchResults, recover


@pytest.fixture
def inspector(tiny_model):
    return load(tiny_model)


@pytest.fixture
def inspected(inspector, paint, tmp_path):
    """Four pictures; the third has the path of the second, and the last is none."""
    data = [paint(tmp_path / f"{n}.png", n).read_bytes() for n in ("good", "crack", "scratch")]
    paths = ["a.png", "b.png", "b.png", "c.png"]
    return [
        inspect_picture(inspector, f"{number}", content, InspectOptions(), path)
        for number, (path, content) in enumerate(zip(paths, [*data, b"x"], strict=True))
    ]


@pytest.fixture
def opened(inspector, tmp_path):
    with open_results(
        tmp_path / "out", run_settings(inspector, InspectOptions()), "resume"
    ) as results:
        yield results


def test_what_was_appended_is_recovered_wherever_it_was_cut(opened, inspected, inspector):
    rows = WatchResults(opened, inspector.classes)
    rows.append(0, inspected[:2])
    rows.append(2, inspected[2:])
    rows.close()
    whole = opened.records.read_bytes(), opened.digests.read_bytes()
    found = recover(opened, inspector.classes)
    assert [each.path for each in found.chain.pictures] == ["a.png", "b.png", "b.png", "c.png"]
    assert found.rows_size == len(whole[0])
    assert found.errors == {3}
    starts = [0, *found.chain.sizes[1:]]
    for size in range(0, len(whole[1]) + 1, 7):
        # Digests are cut, and behind the last of them rows are whole, half or missing.
        opened.digests.write_bytes(whole[1][:size])
        found = recover(opened, inspector.classes)
        count = sum(size >= start for start in starts[1:])
        assert len(found.chain.pictures) == count
        opened.records.write_bytes(whole[0][: found.rows_size or 5])
        again = WatchResults(opened, inspector.classes)
        assert again.count == count
        again.append(0, inspected)  # the same call again writes what is missing
        assert (opened.records.read_bytes(), opened.digests.read_bytes()) == whole
        again.seal()
        again.close()
        assert verify_results(opened.path).problems == ()


def test_what_somebody_edited_is_not_cut_off(opened, inspected, inspector):
    written = WatchResults(opened, inspector.classes)
    written.append(0, inspected)
    written.close()
    rows = opened.records.read_bytes()
    opened.records.write_bytes(rows.replace(b"crack", b"crock", 2))
    with pytest.raises(UsageError, match="not as the watch left them"):
        WatchResults(opened, inspector.classes)
    opened.records.write_bytes(rows)
    lines = opened.digests.read_bytes().splitlines(keepends=True)
    opened.digests.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    with pytest.raises(UsageError, match="not as the watch left them"):
        WatchResults(opened, inspector.classes)


def test_overlays_of_pictures_in_work_are_swept(opened, inspected, inspector):
    rows = WatchResults(opened, inspector.classes)
    rows.append(0, inspected)
    rows.close()
    opened.write("overlays/in-work.png", b"half")
    rows = WatchResults(opened, inspector.classes)
    rows.sweep()
    assert len(list((opened.path / "overlays").iterdir())) == 3
    rows.seal()
    assert verify_results(opened.path).problems == ()


def test_a_results_folder_that_was_exchanged_is_not_filled_anew(opened, inspected, inspector):
    rows = WatchResults(opened, inspector.classes)
    rows.append(0, inspected[:2])
    rows.close()  # as after an error
    opened.records.unlink()
    opened.digests.unlink()
    with pytest.raises(UsageError, match="has 0 of 2 pictures"):
        rows.append(2, inspected[2:])
    assert not opened.records.exists()


def test_no_two_pictures_share_the_name_of_their_results():
    names = ResultNames("png", ())
    chosen = [
        names.choose("a.png", "in/a.png", 0),
        names.choose("A.png", "in/A.png", 0),
        names.choose("a.png", "in/a.png", 1),
        names.choose("a.png", "in/a.png", 2),
        names.choose("a.png.png/b.png", "in/a.png.png/b.png", 0),
    ]
    assert chosen[0] == "a.png"
    assert len({name.casefold() for name in chosen}) == 5
    assert all("/" not in name for name in chosen)
    assert names.choose("A.png", "in/A.png", 0) == chosen[1]  # the same try again
    digests = PictureDigests("in/b.png", "", "", "overlays/B.png.png", "", "", "")
    later = ResultNames("png", (digests,))
    assert later.choose("b.png", "in/x/b.png", 0) != "b.png"
