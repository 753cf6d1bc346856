import glob
import os
from pathlib import Path

import pytest

from capsule_inspect.inference.patterns import match_pattern

FILES = (
    "a.png",
    "line-1/b.png",
    "line-1/.cache/c.png",
    "line-1/day/d.png",
    "line-1/day/line-1/e.png",
    "line-2/day/f.jpg",
    ".hidden/g.png",
    ".h.png",
)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return tmp_path


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "**",
        "**/*",
        "**/**/*.png",
        "*/*.png",
        "line-?/**/*.png",
        "line-1/**/line-*/*",
        "./line-[12]/day/*",
        "**/day/*.jpg",
        "*/.cache/*",
        "**/.*/*",
        "*/../a*",
        "line-1/../*/day/*",
        "nowhere/*",
        "a.png/*",
    ],
)
def test_patterns_match_what_glob_matches(pattern):
    found = map(Path, glob.glob(pattern, recursive=True))  # noqa: PTH207
    assert match_pattern(pattern).matching == {path for path in found if path.is_file()}


def test_a_link_to_a_folder_above_ends(tree):
    (tree / "line-1/loop").symlink_to(tree)
    matching = match_pattern("line-1/**/*.png").matching
    assert Path("line-1/loop/a.png") in matching
    assert not any(str(file).count("loop") > 1 for file in matching)


def test_a_link_that_is_named_is_followed_though_its_folder_is_seen_before(tree):
    (tree / "line-2/latest").symlink_to(tree / "line-1/day")
    matching = match_pattern("line-*/**/latest/*.png").matching
    assert matching == {Path("line-2/latest/d.png")}


def test_folders_that_cannot_match_are_not_listed(tree):
    walked = match_pattern(f"{tree}/*/*.png").walked
    assert tree / "line-1/b.png" in walked.files
    assert tree / "line-1/day/d.png" not in walked.files


@pytest.mark.usefixtures("tree")
def test_a_folder_that_cannot_be_listed_is_closed(monkeypatch):
    scandir = os.scandir

    def refuse(folder):
        if str(folder).endswith("day"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    walked = match_pattern("**/*.png").walked
    assert [folder.as_posix() for folder, _ in walked.closed] == ["line-1/day", "line-2/day"]
