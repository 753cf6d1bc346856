from pathlib import Path

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.sentences_for import sentences_for


@pytest.mark.parametrize(
    ("error", "start"),
    [
        (
            OSError(28, "No space left on device", "out/a.png"),
            "'out/a.png' cannot be written: No sp",
        ),
        (
            OSError(28, "No space left on device"),
            "'out' cannot be written: No space left on device.",
        ),
        (OSError("odd"), "'out' cannot be written: odd."),
    ],
)
def test_errors_of_writing_say_where_and_why_and_what_to_do(error, start):
    with pytest.raises(UsageError) as caught, sentences_for(Path("out")):
        raise error
    assert str(caught.value).startswith(start)
    assert "--resume" in str(caught.value)


def test_other_errors_pass(tmp_path):
    with pytest.raises(KeyError), sentences_for(tmp_path):
        raise KeyError("x")
