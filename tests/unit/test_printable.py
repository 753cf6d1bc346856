import os

from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.printable import printable


@given(st.binary())
def test_any_file_name_can_be_written(name):
    assert printable(os.fsdecode(name)).encode("utf-8").decode("utf-8") == printable(
        os.fsdecode(name)
    )


@given(st.text(st.characters(codec="utf-8")))
def test_text_stays_as_it_is(text):
    assert printable(text) == text


def test_bytes_that_are_no_text_are_spelled():
    assert printable("a\udcffb") == r"a\udcffb"
