from pathlib import Path

import pytest

from capsule_inspect.inference.walk import walk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("main/sub/p.png", "main/a.png", "far/q.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def below(root: Path) -> list[str]:
    return sorted(file.relative_to(root).as_posix() for file in walk(root, recursive=True).files)


def test_a_folder_has_its_own_name_whatever_links_to_it(root):
    (root / "0link").symlink_to(root / "main/sub")
    (root / "1link").symlink_to(root / "main")
    (root / "far/0back").symlink_to(root)
    assert below(root) == ["far/q.png", "main/a.png", "main/sub/p.png"]


def test_links_lead_to_what_lies_nowhere_else_once(root):
    (root / "main/link").symlink_to(root / "far")
    (root / "main/more").symlink_to(root / "far")
    assert below(root / "main") == ["a.png", "link/q.png", "sub/p.png"]


@pytest.mark.parametrize(
    "name", ["@eaDir", "$Recycle.Bin", "RECYCLED", "#Snapshot", "lost+found", "@Recently-Snapshot"]
)
def test_folders_of_systems_are_known_in_any_case(root, name):
    (root / "main/sub").rename(root / "main" / name)
    walked = walk(root / "main", recursive=True)
    assert walked.files == (root / "main/a.png",)
    assert walked.kept_by_systems == (root / "main" / name / "p.png",)


def test_a_folder_that_may_be_listed_and_not_entered_ends_no_walk(root, monkeypatch):
    def refuse(file, *_args, **_options):
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "lstat", refuse)
    monkeypatch.setattr(Path, "stat", refuse)
    assert below(root / "main") == ["a.png", "sub/p.png"]
