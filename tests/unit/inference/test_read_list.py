import os

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.read_list import is_list, read_list


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
