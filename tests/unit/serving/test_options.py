import re

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.serving.options import (
    ServeOptions,
    is_loopback,
    read_token,
    require_access_rule,
)


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.168.1.9", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_only_loopback_is_local(host, is_local):
    assert is_loopback(host) == is_local
    assert ServeOptions(host=host).is_local == is_local


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("port", 65536),
        ("port", -1),
        ("jobs", 0),
        ("queue", -1),
        ("max_mb", 0),
        ("max_megapixels", float("nan")),
        ("timeout", 0),
        ("timeout", float("nan")),
    ],
)
def test_what_is_out_of_range_is_named(option, value):
    with pytest.raises(UsageError, match=rf"{option} is .*must lie between"):
        ServeOptions(**{option: value})


@pytest.mark.parametrize("path", ["line3", "/line3/", "/", "//a", "/ü", "/a b"])
def test_a_root_path_starts_with_a_slash_and_ends_without(path):
    with pytest.raises(UsageError, match="must start with /"):
        ServeOptions(root_path=path)
    assert ServeOptions(root_path="/line/3").root_path == "/line/3"


def test_a_token_is_read_without_its_line_end(tmp_path):
    file = tmp_path / "token"
    file.write_text("abcdef0123456789\n")
    assert read_token(file) == "abcdef0123456789"


@pytest.mark.parametrize(
    "content", [b"", b"short", b"two words that are long", b"\xff" * 20, b"abcdef0123456789\x07"]
)
def test_an_unfit_token_is_refused_with_the_way_to_make_one(tmp_path, content):
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=re.escape("openssl rand -hex 32")):
        read_token(file)


@pytest.mark.parametrize(
    ("host", "has_token", "no_token", "is_fine"),
    [
        ("127.0.0.1", False, False, True),
        ("127.0.0.1", True, False, True),
        ("10.0.0.1", False, False, False),
        ("10.0.0.1", True, False, True),
        ("10.0.0.1", False, True, True),
        ("10.0.0.1", True, True, False),
    ],
)
def test_a_network_is_served_with_a_token_or_by_wish(host, has_token, no_token, is_fine):
    if is_fine:
        require_access_rule(host, has_token, no_token)
        return
    with pytest.raises(UsageError, match="--no-token"):
        require_access_rule(host, has_token, no_token)
