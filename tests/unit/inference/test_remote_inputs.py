import http.server
import sys
import threading

import pytest

from capsule_inspect.errors import MissingExtraError, PictureError, UsageError
from capsule_inspect.imaging.picture import MAX_PIXELS
from capsule_inspect.inference import addresses
from capsule_inspect.inference.addresses import is_remote
from capsule_inspect.inference.inputs import expand_inputs
from capsule_inspect.inference.remote_inputs import RemotePicture

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """No test waits for another attempt."""
    monkeypatch.setattr(addresses, "_WAITS", (0.0, 0.0, 0.0))


@pytest.fixture
def memory():
    """A file system in memory, with a folder as cameras and drives leave them."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    for name in (
        "b.png",
        "a.JPG",
        ".hidden.png",
        "notes.txt",
        "sub/c.tif",
        "sub/.thumbs/c.png",
        "@eaDir/b.png",
        "masks/b_mask.png",
        "sub/masks/other.png",
    ):
        system.pipe(f"/line/{name}", name.encode())
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def found(*inputs, recursive=False, say=lambda _: None):
    return [(each.path, each.name) for each in expand_inputs(inputs, recursive, say=say)]


@pytest.mark.parametrize(
    ("text", "is_address"),
    [
        ("s3://bucket/line/", True),
        ("https://host/a.png", True),
        ("memory://a.png", True),
        ("a.png", False),
        ("./s3:/a.png", False),
        ("C://pictures", False),
        ("-", False),
        ("@list.txt", False),
    ],
)
def test_an_address_is_known_by_its_scheme(text, is_address):
    assert is_remote(text) is is_address


def test_what_lies_on_the_disk_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:").mkdir()
    (tmp_path / "s3:/a.png").touch()
    assert not is_remote("s3://a.png")


@pytest.mark.usefixtures("memory")
class TestFolders:
    def test_stand_for_their_own_pictures(self):
        wanted = [("memory://line/a.JPG", "a.JPG"), ("memory://line/b.png", "b.png")]
        assert found("memory://line") == found("memory://line/") == wanted

    def test_have_schemes_in_any_case(self):
        assert found("Memory://line/b.png") == [("Memory://line/b.png", "b.png")]
        assert [name for _, name in found("MEMORY://line")] == ["a.JPG", "b.png"]
        assert found("MEMORY://line/*.png") == [("MEMORY://line/b.png", "b.png")]

    def test_with_recursion_for_those_below_too_but_not_masks_and_thumbnails(self):
        said = []
        assert found("memory://line/", recursive=True, say=said.append) == [
            ("memory://line/a.JPG", "a.JPG"),
            ("memory://line/b.png", "b.png"),
            ("memory://line/sub/c.tif", "sub/c.tif"),
            ("memory://line/sub/masks/other.png", "sub/masks/other.png"),
        ]
        assert said == [
            "Left out 1 mask of pictures in 'memory://line/', such as 'masks/b_mask.png'.",
            "Left out 1 picture in folders that systems keep for themselves, such as "
            "'@eaDir/b.png'.",
        ]

    def test_without_pictures_are_refused(self):
        fsspec.filesystem("memory").pipe("/texts/a.txt", b"text")
        with pytest.raises(UsageError, match=r"'memory://texts' holds no pic.* deeper with -r\.$"):
            found("memory://texts")
        with pytest.raises(UsageError, match=r"holds no picture .*; check the address\.$"):
            found("memory://texts/", recursive=True)

    def test_that_do_not_exist_are_refused(self):
        with pytest.raises(UsageError, match=r"^'memory://none/' does not exist; check the addr"):
            found("memory://none/")

    @pytest.mark.parametrize("text", ["memory://line/", "memory://line/**/*.png"])
    def test_are_not_taken_in_part(self, memory, monkeypatch, text):
        listed = memory.ls

        def refuse(path, **options):
            if path.endswith("sub"):
                raise PermissionError(13, "Access Denied", path)
            return listed(path, **options)

        monkeypatch.setattr(memory, "ls", refuse)
        with pytest.raises(UsageError) as refused:
            found(text, recursive=True)
        assert str(refused.value) == (
            f"'{text}' cannot be read: Access Denied; check your credentials and permissions."
        )

    def test_are_listed_again_if_that_fails(self, memory, monkeypatch):
        listed, errors = memory.ls, [TimeoutError(), OSError(5, "Input/output error")]

        def fail(path, **options):
            if errors:
                raise errors.pop()
            return listed(path, **options)

        monkeypatch.setattr(memory, "ls", fail)
        assert len(found("memory://line")) == 2


@pytest.mark.usefixtures("memory")
class TestPatterns:
    def test_match_as_on_a_disk(self):
        assert found("memory://line/*.png") == [("memory://line/b.png", "b.png")]
        assert found("memory://l*/**/[c-o]*.*") == [
            ("memory://line/sub/c.tif", "line/sub/c.tif"),
            ("memory://line/sub/masks/other.png", "line/sub/masks/other.png"),
        ]

    def test_take_folders_of_systems_that_they_name(self):
        assert found("memory://line/@eaDir/*.png") == [("memory://line/@eaDir/b.png", "b.png")]
        assert found("memory://li*/@eaDir/*.png") == [
            ("memory://line/@eaDir/b.png", "line/@eaDir/b.png")
        ]

    def test_do_not_take_masks_whose_pictures_they_do_not_match(self):
        said = []
        assert found("memory://line/*/*.*", say=said.append) == [
            ("memory://line/sub/c.tif", "sub/c.tif"),
        ]
        assert "masks/b_mask.png" in said[0]

    def test_that_match_nothing_are_refused(self):
        with pytest.raises(UsageError, match=r"The pattern 'memory://line/\*.bmp' matches no pic"):
            found("memory://line/*.bmp")


@pytest.mark.usefixtures("memory")
class TestFiles:
    def test_are_not_asked_for_before_their_turn(self, monkeypatch):
        monkeypatch.setattr(fsspec.filesystem("memory"), "ls", None)
        assert found("memory://line/sub/c.tif", "memory://none/d.png") == [
            ("memory://line/sub/c.tif", "c.tif"),
            ("memory://none/d.png", "d.png"),
        ]

    def test_are_found_whatever_their_names_say(self):
        assert found("memory://line/notes.txt") == [("memory://line/notes.txt", "notes.txt")]

    def test_stand_in_lists_beside_local_ones_and_count_once(self, tmp_path):
        (tmp_path / "local.png").touch()
        (tmp_path / "list.txt").write_text("memory://line/b.png\nlocal.png\nmemory://line/\n")
        assert found(f"@{tmp_path}/list.txt") == [
            (f"{tmp_path}/local.png", "local.png"),
            ("memory://line/a.JPG", "a.JPG"),
            ("memory://line/b.png", "b.png"),
        ]

    def test_of_one_name_get_others(self, memory):
        memory.pipe("/line/2/b.png", b"2")
        names = [name for _, name in found("memory://line/b.png", "memory://line/2/b.png")]
        assert len(set(names)) == 2
        assert all(name.startswith("b-") and name.endswith(".png") for name in names)


def test_a_file_is_read_when_its_turn_comes(memory):
    (picture,) = expand_inputs(["memory://line/b.png"])
    memory.pipe("/line/b.png", b"later")
    assert picture.read(MAX_PIXELS) == b"later"


def test_a_file_that_is_gone_is_told(memory):
    (picture,) = expand_inputs(["memory://line/b.png"])
    memory.rm("/line/b.png")
    with pytest.raises(PictureError) as refused:
        picture.read(MAX_PIXELS)
    assert str(refused.value) == (
        "The file 'memory://line/b.png' does not exist; check the address."
    )


def test_a_file_that_is_too_long_is_not_read(memory, monkeypatch):
    memory.pipe("/long/a.png", b"\0" * 1000)
    monkeypatch.setattr("capsule_inspect.imaging.picture._METADATA_BYTES", 100)
    for text, is_listed in (("memory://long/", True), ("memory://long/a.png", False)):
        (picture,) = expand_inputs([text])
        assert (picture.size == 1000) is is_listed
        with pytest.raises(PictureError, match=r"long/a\.png' has 1000 bytes, more than"):
            picture.read(100)
    assert picture.read(200) == b"\0" * 1000


class Failing:
    """A file system that fails some times before it answers."""

    def __init__(self, *errors):
        self.errors, self.asked = list(errors), 0

    def cat_file(self, key):
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return key.encode()


def read_from(system):
    return RemotePicture("s3://b/a.png", "a.png", "b/a.png", system).read(MAX_PIXELS)


def test_a_way_that_fails_is_tried_again():
    system = Failing(TimeoutError("slow"), OSError(5, "Input/output error"), RuntimeError("503"))
    assert read_from(system) == b"b/a.png"
    assert system.asked == 4


def test_a_way_that_always_fails_is_told_with_the_reason():
    system = Failing(*[OSError(16, "Please reduce your request rate.\nRequest 4711")] * 9)
    with pytest.raises(PictureError) as refused:
        read_from(system)
    assert system.asked == 4
    assert str(refused.value) == (
        "The file 's3://b/a.png' cannot be read: Please reduce your request rate; check the "
        "address and the way there."
    )


class NoCredentialsError(Exception):
    pass


class Answered(Exception):  # noqa: N818
    def __init__(self, status):
        super().__init__(f"{status}")
        self.status = status


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (FileNotFoundError(), 1),
        (PermissionError(13, "Access Denied"), 1),
        (NoCredentialsError("Unable to locate credentials"), 1),
        (Answered(403), 1),
        (Answered(429), 4),
        (Answered(503), 4),
    ],
)
def test_what_will_not_change_is_not_tried_again(error, attempts):
    system = Failing(*[error] * 9)
    with pytest.raises(PictureError):
        read_from(system)
    assert system.asked == attempts


def test_attempts_wait_longer_each_time(monkeypatch):
    waited = []
    monkeypatch.setattr(addresses, "_WAITS", (1.0, 4.0))
    monkeypatch.setattr("time.sleep", waited.append)
    with pytest.raises(PictureError):
        read_from(Failing(*[TimeoutError()] * 9))
    assert 0.5 <= waited[0] <= 1
    assert 2 <= waited[1] <= 4


def test_s3_gets_a_connection_for_each_file_and_own_settings_come_first(monkeypatch):
    pytest.importorskip("s3fs")
    system, _ = addresses.open_address("s3://bucket/a.png")
    assert system.max_concurrency == 1
    assert system.config_kwargs["max_pool_connections"] >= 16
    own = {"config_kwargs": {"max_pool_connections": 3}, "max_concurrency": 2}
    monkeypatch.setitem(fsspec.config.conf, "s3", own)
    system, _ = addresses.open_address("s3://bucket/a.png")
    assert system.max_concurrency == 2
    assert system.config_kwargs["max_pool_connections"] == 3


def test_another_scheme_is_refused():
    with pytest.raises(UsageError, match=r"^'nowhere://a/' is no address that can be read: Proto"):
        found("nowhere://a/")


def test_without_the_extra_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.delitem(sys.modules, "fsspec.core", raising=False)
    with pytest.raises(MissingExtraError) as refused:
        found("s3://bucket/line/")
    assert str(refused.value) == (
        "'s3://bucket/line/' needs packages that the light install leaves out. Run: pip install "
        "'capsule-inspect[remote]'"
    )


def test_a_part_of_the_extra_that_is_missing_is_named(monkeypatch):
    def refuse(_):
        raise ImportError("Please install gcsfs to access Google Storage")

    monkeypatch.setattr("fsspec.core.url_to_fs", refuse)
    with pytest.raises(MissingExtraError, match=r"out \(Please install gcsfs to .*\)\. Run: pip"):
        found("gs://bucket/line/")


def test_a_package_of_no_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(MissingExtraError, match=r"is in no extra .*: Install adlfs to access"):
        found("az://bucket/line/")


@pytest.fixture
def server():
    """A web server: /a.png is there, /busy.png at the third attempt, and nothing else."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            path = self.path.partition("?")[0]
            is_there = path == "/pictures/a.png" or (path == "/busy.png" and len(asked) > 2)
            self.send_response(200 if is_there else 503 if path == "/busy.png" else 404)
            self.send_header("Content-Length", "4" if is_there else "0")
            self.end_headers()
            if is_there:
                self.wfile.write(b"data")

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


class TestWebServers:
    @pytest.fixture(autouse=True)
    def _client(self):
        pytest.importorskip("aiohttp")

    def test_give_single_files(self, server):
        (picture,) = expand_inputs([f"{server}/pictures/a.png"])
        assert (picture.path, picture.name) == (f"{server}/pictures/a.png", "a.png")
        assert picture.read(MAX_PIXELS) == b"data"

    def test_are_asked_again_if_they_are_busy(self, server):
        (picture,) = expand_inputs([f"{server}/busy.png"])
        assert picture.read(MAX_PIXELS) == b"data"

    def test_may_not_have_a_file(self, server):
        (picture,) = expand_inputs([f"{server}/none.png"])
        with pytest.raises(PictureError, match=r"none\.png' does not exist; check the address\.$"):
            picture.read(MAX_PIXELS)

    def test_may_be_gone(self):
        (picture,) = expand_inputs(["http://127.0.0.1:9/a.png"])
        with pytest.raises(PictureError, match=r"cannot be read: .*; check the address and the wa"):
            picture.read(MAX_PIXELS)

    def test_keep_their_secrets(self, server):
        host = server.removeprefix("http://")
        secret = f"http://me:hush@{host}/pictures/a.png?id=1&X-Amz-Signature=hush&sig=hush&b=2"
        (picture,) = expand_inputs([secret])
        assert picture.path == (
            f"http://me:***@{host}/pictures/a.png?id=1&X-Amz-Signature=***&sig=***&b=2"
        )
        assert picture.name == "a.png"
        assert "hush" not in repr(picture)
        assert picture.read(MAX_PIXELS) == b"data"

    def test_have_names_with_signs(self, server):
        names = [name for _, name in found(f"{server}/x/%C3%A4%20b.png?v=1", f"{server}/")]
        assert names == [f"127.0.0.1_{server.rpartition(':')[2]}", "ä b.png"]
