import codecs
import os
import unicodedata
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.errors import PictureError, UsageError
from capsule_inspect.inference.input_lists import is_list, read_list
from capsule_inspect.inference.inputs import expand_inputs, is_result
from capsule_inspect.inference.results_folder import MADE_BY, ResultsFolder


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "pics/b.png",
        "pics/a.JPG",
        "pics/notes.txt",
        "pics/.hidden.png",
        "pics/sub/c.tif",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


def make(*names: str, at: str = ".") -> None:
    for name in names:
        Path(at, name).parent.mkdir(parents=True, exist_ok=True)
        Path(at, name).touch()


@pytest.fixture
def shut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder `in` of a.png and the folder `shut` with b.png, which may not be listed."""
    monkeypatch.chdir(tmp_path)
    make("in/a.png", "in/shut/b.png")
    scandir = os.scandir

    def refuse(folder):
        if str(folder).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)


def paths(*inputs: str, recursive: bool = False) -> list[str]:
    return [str(picture.file) for picture in expand_inputs(inputs, recursive)]


def names(*inputs: str, recursive: bool = False) -> list[str]:
    return [picture.name for picture in expand_inputs(inputs, recursive)]


@pytest.mark.usefixtures("tree")
class TestFolders:
    def test_stand_for_their_own_pictures(self):
        assert paths("pics") == ["pics/a.JPG", "pics/b.png"]
        assert names("pics") == ["a.JPG", "b.png"]

    def test_with_recursion_for_those_below_too(self):
        assert paths("pics", recursive=True) == ["pics/a.JPG", "pics/b.png", "pics/sub/c.tif"]
        assert names("pics", recursive=True) == ["a.JPG", "b.png", "sub/c.tif"]

    def test_keep_the_spelling_of_the_input(self, tree):
        assert paths(f"{tree}/pics/")[0] == f"{tree}/pics/a.JPG"
        assert paths("pics/../pics/sub") == ["pics/../pics/sub/c.tif"]

    def test_without_pictures_are_refused(self, tree):
        (tree / "empty").mkdir()
        with pytest.raises(UsageError, match="folder 'empty' holds no picture"):
            expand_inputs(["pics", "empty"])

    def test_with_pictures_further_down_only_hint_at_recursion(self, tree):
        (tree / "top/below").mkdir(parents=True)
        (tree / "top/below/a.png").touch()
        with pytest.raises(UsageError, match="use -r"):
            expand_inputs(["top"])

    def test_that_link_to_themselves_end(self, tree):
        (tree / "pics/sub/loop").symlink_to(tree / "pics")
        assert len(paths("pics", recursive=True)) == 3

    def test_that_are_linked_to_are_looked_into(self, tree):
        (tree / "far").mkdir()
        (tree / "far/d.png").touch()
        (tree / "pics/sub/link").symlink_to(tree / "far")
        assert paths("pics/sub", recursive=True) == ["pics/sub/c.tif", "pics/sub/link/d.png"]

    def test_that_are_named_like_pictures_are_looked_into_or_named_as_what_they_are(self, tree):
        (tree / "pics/odd.png").mkdir()
        (tree / "pics/odd.png/d.png").touch()
        assert "pics/odd.png" in paths("pics")
        assert "pics/odd.png" not in paths("pics", recursive=True)
        assert "pics/odd.png/d.png" in paths("pics", recursive=True)


@pytest.mark.usefixtures("tree")
class TestPatterns:
    def test_match_pictures_only(self):
        assert paths("pics/*") == ["pics/a.JPG", "pics/b.png"]

    def test_reach_down_with_two_stars(self):
        assert paths("pics/**/*") == ["pics/a.JPG", "pics/b.png", "pics/sub/c.tif"]
        assert names("pics/**/*") == ["a.JPG", "b.png", "sub/c.tif"]

    def test_name_results_from_their_fixed_part(self):
        assert names("*/sub/*.tif") == ["pics/sub/c.tif"]

    def test_may_be_absolute(self, tree):
        assert paths(f"{tree}/p*/b.png") == [f"{tree}/pics/b.png"]

    def test_without_match_are_refused(self):
        with pytest.raises(UsageError, match=r"'pics/\*\.webp' matches no picture"):
            expand_inputs(["pics/*.webp", "pics"])

    @pytest.mark.parametrize("pattern", ["a\0*.png", "*/a\0b.png"])
    def test_with_a_null_character_are_refused_and_spelled(self, tree, pattern):
        (tree / "list.txt").write_text(f"{pattern}\n")
        with pytest.raises(UsageError, match=r"The pattern '.*a\\x00.*' cannot be used") as caught:
            expand_inputs(["@list.txt"])
        assert "\0" not in str(caught.value)

    def test_that_are_the_name_of_a_file_are_that_file(self, tree):
        (tree / "a[1].png").touch()
        assert paths("a[1].png") == ["a[1].png"]


@pytest.mark.usefixtures("tree")
class TestFiles:
    def test_count_whatever_their_extension(self):
        assert paths("pics/notes.txt") == ["pics/notes.txt"]
        assert names("pics/notes.txt") == ["notes.txt"]

    def test_that_are_missing_among_others_are_kept(self):
        assert paths("gone.png", "pics/b.png") == ["gone.png", "pics/b.png"]

    def test_with_a_null_character_are_spelled_where_nothing_is_there(self):
        with pytest.raises(UsageError, match=r"'a\\0\.png' does not exist"):
            expand_inputs(["a\0.png"])

    @pytest.mark.parametrize(
        ("inputs", "words"),
        [
            ([], "Nothing to inspect"),
            (["gone.png"], "'gone.png' does not exist"),
            (["gone.png", "gone/too"], "'gone.png', 'gone/too' do not exist"),
            ([*"abcde"], "'a', 'b', 'c' and 2 more do not exist"),
            (["pics/b.png", ""], "One of the inputs is empty"),
        ],
    )
    def test_nothing_to_do_is_an_error(self, inputs, words):
        with pytest.raises(UsageError, match=words):
            expand_inputs(inputs)


@pytest.mark.usefixtures("tree")
class TestTogether:
    def test_each_picture_comes_once_and_sorted(self, tree):
        found = paths("pics/b.png", "pics", f"{tree}/pics/b.png", "pics/*.png", "./pics")
        assert found == ["pics/a.JPG", "pics/b.png"]

    def test_results_of_like_named_pictures_get_different_names(self, tree):
        (tree / "more/sub").mkdir(parents=True)
        (tree / "more/b.png").touch()
        first = names("pics", "more")
        assert len(set(first)) == 3
        assert first == names("more", "pics")
        assert "a.JPG" in first
        assert all(name.startswith("b-") and name.endswith(".png") for name in first if "b" in name)
        (tree / "more/sub/c.tif").touch()
        deep = [name for name in names("pics", "more", recursive=True) if name.endswith(".tif")]
        assert len(set(deep)) == 2
        assert all(name.startswith("sub/c-") for name in deep)

    def test_no_result_takes_the_place_of_a_folder(self, tree):
        (tree / "pics/b.png.png").mkdir()
        (tree / "pics/b.png.png/e.png").touch()
        found = names("pics", recursive=True)
        assert "b.png.png/e.png" in found
        assert "b.png" not in found


def test_a_name_that_is_not_text_is_spelled_out(tmp_path: Path):
    file = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Path(os.fsdecode(file)).touch()
    (picture,) = expand_inputs([str(tmp_path)])
    assert os.fsencode(picture.file) == file
    assert picture.name == r"caf\udce9.png"
    assert picture.path == rf"{tmp_path}/caf\udce9.png"


def test_long_names_are_cut_and_stay_different(tmp_path: Path):
    for last in "ab":
        (tmp_path / f"{'é' * 124}{last}.png").touch()
    found = [picture.name for picture in expand_inputs([str(tmp_path)])]
    assert len(set(found)) == 2
    assert all(len(name.encode()) <= 240 and name.endswith(".png") for name in found)


def test_deep_trees_are_flattened(tmp_path: Path):
    folder = tmp_path
    for _ in range(7):
        folder /= "d" * 200
        folder.mkdir()
    (folder / "a.png").touch()
    (picture,) = expand_inputs([str(tmp_path)], recursive=True)
    assert len(picture.name) < 40


def is_plain_name(text: str) -> bool:
    """Neither a list nor a pattern."""
    return text != "-" and not text.startswith("@") and not set(text) & set("*?[")


@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=1))
def test_results_never_lie_outside_and_never_coincide(inputs):
    existing = str(Path(__file__))
    files = [text for text in inputs if is_plain_name(text) and not os.path.lexists(text)]
    found = expand_inputs([existing, *files])
    assert len({picture.name for picture in found}) == len(found)
    for picture in found:
        name = PurePosixPath(picture.name)
        assert not name.is_absolute()
        assert ".." not in name.parts
        assert all(len(part.encode()) <= 255 - len(".png") for part in name.parts)
    spelled = [picture.path for picture in found]
    assert spelled == sorted(spelled)


class TestLists:
    def test_name_an_input_per_line(self, tree):
        (tree / "list.txt").write_text("pics/b.png\r\n\npics/sub\npics/a*\n")
        assert paths("@list.txt") == ["pics/a.JPG", "pics/b.png", "pics/sub/c.tif"]

    def test_mix_with_other_inputs_and_name_none_twice(self, tree):
        (tree / "list.txt").write_text("pics/b.png\n")
        assert paths("pics/b.png", "@list.txt", "pics/a.JPG") == ["pics/a.JPG", "pics/b.png"]

    def test_come_from_stdin(self, tree, monkeypatch):
        (tree / "list.txt").write_bytes(b"pics/caf\xe9.png\n")
        with (tree / "list.txt").open() as stream:
            monkeypatch.setattr("sys.stdin", stream)
            assert paths("-", "pics/b.png") == ["pics/b.png", "pics/caf\udce9.png"]

    def test_that_climb_keep_their_results_below(self, tree):
        (tree / "list.txt").write_text("../../pics/../x/..//y.png\npics/b.png\n")
        assert names("@list.txt") == ["y.png", "b.png"]

    @pytest.mark.parametrize("text", ["", "\n\r\n"])
    def test_that_are_empty_are_refused(self, tree, text):
        (tree / "list.txt").write_text(text)
        with pytest.raises(UsageError, match=r"list\.txt.* is empty"):
            paths("@list.txt")

    def test_that_are_missing_are_refused(self):
        with pytest.raises(UsageError, match=r"'none\.txt' cannot be read: No such file"):
            paths("@none.txt")


@pytest.mark.usefixtures("tree")
def test_what_is_left_out_is_not_found_in_folders():
    found = expand_inputs(["pics"], True, lambda file: file.name == "b.png")
    assert [str(picture.file) for picture in found] == ["pics/a.JPG", "pics/sub/c.tif"]
    assert len(expand_inputs(["pics/b.png"], leave_out=lambda _: True)) == 1


@pytest.mark.usefixtures("tree")
def test_a_folder_of_nothing_but_what_is_left_out_is_told():
    with pytest.raises(UsageError, match="nothing to inspect but the run's own overlays"):
        expand_inputs(["pics"], leave_out=lambda _: True)


def test_a_list_from_a_closed_stdin_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", None)  # as under a service without one
    with pytest.raises(UsageError, match="no stdin to read a list from"):
        expand_inputs(["-"])


@pytest.mark.usefixtures("tree")
def test_a_folder_that_cannot_be_listed_is_told(monkeypatch: pytest.MonkeyPatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)  # what os.walk lists with
    with pytest.raises(UsageError, match="The folder 'pics' cannot be listed: Permission denied"):
        expand_inputs(["pics"])


def test_lists_are_known_by_their_sign():
    assert [text for text in ("-", "@a", "a@b", "--", "") if is_list(text)] == ["-", "@a"]


def test_each_line_is_an_input_whatever_its_bytes(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"a b.png\r\n\ncaf\xe9.png\n@more")
    named = read_list(f"@{tmp_path}/list.txt")
    assert [os.fsencode(text) for text in named] == [b"a b.png", b"caf\xe9.png", b"@more"]


def test_a_list_that_is_missing_is_told_with_the_one_that_may_be_meant(tmp_path):
    (tmp_path / "list.txt").touch()
    with pytest.raises(UsageError, match=r"lists\.txt' cannot be read: .*list\.txt"):
        read_list(f"@{tmp_path}/lists.txt")


def test_results_are_known_from_other_files(tmp_path, monkeypatch):
    folder = ResultsFolder(tmp_path / "out")
    (folder.path / "overlays/a").mkdir(parents=True)
    (folder.path / "overlays/a/b.png").write_bytes(b"overlay")
    folder.run_file.write_text(f'{{"made_by": "{MADE_BY}"}}')
    monkeypatch.chdir(folder.path.parent)
    assert is_result(folder.path / "overlays/a/b.png")
    assert is_result(folder.path.relative_to(folder.path.parent) / "masks/x.png")
    (folder.path.parent / "link").symlink_to(folder.path)
    assert is_result(folder.path / "../link/../out/overlays/x.png")
    (folder.path.parent / "drawn").symlink_to(folder.path / "overlays")
    assert is_result(folder.path.parent / "drawn/x.png")
    assert not is_result(folder.path / "notes.txt")
    assert not is_result(folder.path.parent / "overlays/x.png")


def test_names_that_a_share_would_fold_get_a_digest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "A.png", "b:1.png", "b_1.png", "c.png", "Größe.png", "Gro\u0308ße.png"):
        (tmp_path / name).touch()
    found = names(".")
    folded = {unicodedata.normalize("NFC", name).casefold() for name in found}
    assert len(folded) == len(found) == 7
    assert "c.png" in found
    assert not any(":" in name for name in found)


class TestListsAndFolders:
    @pytest.mark.parametrize(
        "encoding",
        ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"],
    )
    def test_lists_may_have_a_byte_order_mark(self, tmp_path, encoding):
        marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
        mark = {**marks, "utf-32-be": codecs.BOM_UTF32_BE}.get(encoding, b"")
        text = "a.png\r\nPrüfung 品.png\r\n"
        (tmp_path / "list.txt").write_bytes(mark + text.encode(encoding))
        assert read_list(f"@{tmp_path}/list.txt") == ["a.png", "Prüfung 品.png"]

    def test_a_list_that_is_no_utf16_is_refused(self, tmp_path):
        (tmp_path / "list.txt").write_bytes(b"\xff\xfea\x00\x00\xd8")
        with pytest.raises(UsageError, match="begins as UTF-16, but is damaged"):
            read_list(f"@{tmp_path}/list.txt")

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
    def test_a_list_without_a_byte_order_mark_is_refused(self, tmp_path, encoding):
        (tmp_path / "list.txt").write_bytes("品/a.png\r\n品/b.png\r\n".encode(encoding))
        with pytest.raises(UsageError, match=r"has no byte order mark\. Save it as UTF-8"):
            read_list(f"@{tmp_path}/list.txt")

    def test_a_list_from_stdin_is_called_so(self, tmp_path, monkeypatch):
        (tmp_path / "list").write_bytes("a.png".encode("utf-16-le"))
        with (tmp_path / "list").open() as stream:
            monkeypatch.setattr("sys.stdin", stream)
            with pytest.raises(UsageError, match="The list from stdin cannot be read: it seems"):
                read_list("-")

    @pytest.mark.parametrize("data", [b"./a b.png\0./c\nd.png\0", b"./a b.png\0./c\xe9.png"])
    def test_names_may_end_with_null_characters(self, tmp_path, data):
        (tmp_path / "list").write_bytes(data)
        named = [os.fsencode(text) for text in read_list(f"@{tmp_path}/list")]
        assert named == [name for name in data.split(b"\0") if name]

    @pytest.mark.usefixtures("tree")
    def test_a_null_character_within_a_line_is_refused(self):
        Path("list.txt").write_bytes(b"pics/b.png\npics/a\0.png\n")
        with pytest.raises(UsageError, match=r"'pics/a\\0\.png' does not exist: no name can hold"):
            expand_inputs(["@list.txt"])

    def test_patterns_start_from_the_list_as_paths_do(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        make("far[1]/a.png", "far[1]/deep/b.png")
        Path("far[1]/list.txt").write_text("**/*.png\n")
        assert paths("@far[1]/list.txt") == ["far[1]/a.png", "far[1]/deep/b.png"]

    def test_paths_start_from_the_list_if_only_there_something_lies(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "far").mkdir()
        (tmp_path / "far/a.png").touch()
        (tmp_path / "far/list.txt").write_text("a.png\nb.png\n")
        said = []
        (first, second) = expand_inputs(["@far/list.txt"], say=said.append)
        assert (first.path, second.path) == ("far/a.png", "far/b.png")
        (sentence,) = said
        assert sentence.startswith("The paths in 'far/list.txt' start from its folder")
        (tmp_path / "b.png").touch()
        assert paths("@far/list.txt") == ["a.png", "b.png"]

    def test_a_folder_named_like_a_list_is_explained(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "@eaDir").mkdir()
        with pytest.raises(UsageError, match=r"write '\./@eaDir'"):
            read_list("@eaDir")

    def test_a_linked_folder_is_one_folder_under_its_own_name(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for day in ("24", "25"):
            (tmp_path / f"line/{day}").mkdir(parents=True)
            (tmp_path / f"line/{day}/{day}.png").touch()
        (tmp_path / "line/a-latest").symlink_to(tmp_path / "line/25")
        (tmp_path / "line/24/next").symlink_to(tmp_path / "line/25")
        own = ["line/24/24.png", "line/25/25.png"]
        assert paths("line", recursive=True) == own
        assert paths("line/a-latest", "line/24", "line/25") == own
        assert paths("line/**/*.png") == own
        (tmp_path / "line/24/link.png").symlink_to("24.png")  # a file of its own
        assert paths("line/24") == ["line/24/24.png", "line/24/link.png"]

    def test_folders_of_thumbnails_are_left_out_and_counted(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        make("a.png", "@eaDir/a.png/THUMB.jpg", "b/#recycle/b.png", "b/__MACOSX/._c.png", at="nas")
        said = []
        (picture,) = expand_inputs(["nas"], recursive=True, say=said.append)
        assert picture.path == "nas/a.png"
        (sentence,) = said
        assert sentence.startswith("Left out 2 pictures in folders that systems keep")

    @pytest.mark.usefixtures("shut")
    @pytest.mark.parametrize(("named", "recursive"), [("in", True), ("in/**/*.png", False)])
    def test_a_closed_subfolder_is_a_row_of_its_own(self, named, recursive):
        picture, closed = expand_inputs([named], recursive)
        assert (picture.path, closed.path) == ("in/a.png", "in/shut")
        with pytest.raises(PictureError, match="'in/shut' cannot be listed: Permission denied"):
            closed.read(10)

    @pytest.mark.usefixtures("shut")
    @pytest.mark.parametrize("named", ["in/shut", "in/shut/*.png"])
    def test_a_closed_folder_itself_is_refused(self, named):
        with pytest.raises(UsageError, match="'in/shut' cannot be listed"):
            expand_inputs([named])

    @pytest.mark.usefixtures("shut")
    def test_a_pattern_that_leads_past_a_closed_folder_does_not_speak_of_it(self):
        assert paths("in/*.png") == ["in/a.png"]

    def test_a_file_in_a_closed_folder_is_a_row(self, tmp_path, monkeypatch):
        def refuse(file):
            raise PermissionError(13, "Permission denied", str(file))

        monkeypatch.setattr(Path, "lstat", refuse)
        monkeypatch.setattr(Path, "stat", refuse)
        (picture,) = expand_inputs([f"{tmp_path}/a.png"])
        with pytest.raises(PictureError, match="Permission denied"):
            picture.read(10)


class TestPatternsAndFolders:
    """Patterns leave out what folders leave out."""

    @pytest.fixture(autouse=True)
    def inside(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    def test_folders_of_systems_are_left_out_and_counted(self):
        make("nas/a.png", "nas/@eaDir/a.png/T.png", "nas/b/#Recycle/b.png", "nas/@tmp/c.jpg")
        said = []
        (picture,) = expand_inputs(["nas/**/*.png"], say=said.append)
        assert picture.path == "nas/a.png"
        assert [each.split(",")[0] for each in said] == [
            "Left out 2 pictures in folders that systems keep for themselves"
        ]

    @pytest.mark.parametrize("pattern", ["nas/#recycle/*.png", "*/#recycle/*", "**/#Recycle/*.png"])
    def test_folders_of_systems_that_are_named_are_looked_into(self, pattern):
        make("nas/a.png", "nas/#recycle/b.png", "nas/#Recycle/b.png")
        said = []
        (picture,) = expand_inputs([pattern], say=said.append)
        assert picture.name.endswith("b.png")
        assert not said

    @pytest.mark.parametrize("pattern", ["set/**/*.png", "set/**", "s*/*/*/*"])
    def test_masks_are_left_out_and_counted(self, pattern):
        make("good/0.png", "crack/1.jpg", "masks/crack/1.png", at="set/x")
        said = []
        found = [
            each.path for each in expand_inputs(["set/x/good/0.png", pattern], say=said.append)
        ]
        assert set(found) <= {"set/x/good/0.png", "set/x/crack/1.jpg"}
        assert bool(said) == (pattern != "s*/*/*/*")

    def test_masks_that_are_named_are_looked_into(self):
        make("set/crack/1.jpg", "set/masks/crack/1.png")
        assert paths("set/masks/*/*.png") == ["set/masks/crack/1.png"]

    def test_what_matches_nothing_but_masks_says_so(self):
        make("set/crack/1.jpg", "set/masks/crack/1.png")
        with pytest.raises(UsageError, match="matches no picture but those left out"):
            expand_inputs(["set/**/*.png"])
