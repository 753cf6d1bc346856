import os
import sys
from pathlib import Path

import pytest

from capsule_inspect.watching.listing import WatchedFolder, is_wanted, stamp_of
from capsule_inspect.watching.wake import is_on_network


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def listed(folder, **options):
    watched = WatchedFolder(folder, options.pop("recursive", False), **options)
    return sorted(str(watched.relative(path)) for path in watched.list().files)


def test_what_is_no_picture_is_left_out(tmp_path):
    put(tmp_path, "a.png", "B.JPG", ".hidden.png", "c.png.part", "d.tmp", "Thumbs.db", "e.txt")
    put(tmp_path, "sub/f.png", "@eaDir/g.png", ".git/h.png")
    assert listed(tmp_path) == ["B.JPG", "a.png"]
    assert listed(tmp_path, recursive=True) == ["B.JPG", "a.png", "sub/f.png"]


def test_results_and_named_folders_are_left_out(tmp_path):
    put(tmp_path, "a.png", "out/overlays/a.png.png", "done/b.png", "overlays/c.png")
    put(tmp_path, "old/overlays/a.png.png")
    (tmp_path / "old/run.json").write_text('{"made_by": "capsule-inspect predict"}')
    own = listed(tmp_path, recursive=True, leave_out=[tmp_path / "out", tmp_path / "done"])
    assert own == ["a.png", "overlays/c.png"]


def test_paths_are_spelled_as_predict_spells_them(tmp_path, monkeypatch):
    put(tmp_path, "in/sub/a.png")
    monkeypatch.chdir(tmp_path)
    assert list(WatchedFolder(Path("in"), True).list().files) == ["in/sub/a.png"]
    monkeypatch.chdir(tmp_path / "in/sub")
    assert list(WatchedFolder(Path(), False).list().files) == ["a.png"]
    assert WatchedFolder(Path(), False).wants("a.png")


def test_what_an_event_names_is_held_against_the_same_rules(tmp_path):
    flat, deep = WatchedFolder(tmp_path, False), WatchedFolder(tmp_path, True)
    assert flat.wants(f"{tmp_path}/a.png")
    assert not flat.wants(f"{tmp_path}/sub/a.png")
    assert deep.wants(f"{tmp_path}/sub/a.png")
    assert not deep.wants(f"{tmp_path}/@eaDir/a.png")
    assert not deep.wants(f"{tmp_path}/sub/.a.png")
    assert not is_wanted("a")


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_links_that_lead_round_or_nowhere_do_no_harm(tmp_path):
    put(tmp_path, "sub/a.png")
    (tmp_path / "sub/round").symlink_to(tmp_path)
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "gone.png")
    assert listed(tmp_path, recursive=True) == ["sub/a.png"]


def test_a_folder_that_is_gone_is_an_error_and_another_has_another_identity(tmp_path):
    folder = tmp_path / "in"
    watched = WatchedFolder(folder, False)
    assert watched.identity() is None
    with pytest.raises(OSError, match="No such file"):
        watched.list()
    folder.mkdir()
    before = watched.list().identity
    assert watched.identity() == before
    (tmp_path / "other").mkdir()
    folder.rename(tmp_path / "old")
    (tmp_path / "other").rename(folder)
    assert watched.identity() != before


def test_a_stamp_tells_a_changed_file(tmp_path):
    put(tmp_path, "a.png")
    before = stamp_of(str(tmp_path / "a.png"))
    os.utime(tmp_path / "a.png", ns=(5, 5))
    assert stamp_of(str(tmp_path / "a.png")) != before
    assert stamp_of(str(tmp_path / "b.png")) is None


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt/line\\0403 rw shared:5 - cifs //server/line rw
31 22 0:41 / /mnt/nas rw - nfs4 nas:/ rw
32 31 0:42 / /mnt/nas/local rw - xfs /dev/sdb rw
33 22 0:43 / /mnt/ssh rw - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/home/camera", False),
        ("/mnt/line 3/today", True),
        ("/mnt/line", False),
        ("/mnt/nas", True),
        ("/mnt/nas/local/x", False),
        ("/mnt/ssh/x", True),
    ],
)
def test_network_shares_are_known_by_their_mounts(tmp_path, folder, expected):
    (tmp_path / "mountinfo").write_text(MOUNTS)
    assert is_on_network(Path(folder), tmp_path / "mountinfo") == expected
    assert not is_on_network(Path(folder), tmp_path / "none")
