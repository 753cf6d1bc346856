import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.watching.options import WatchOptions, split_command


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"settle": -1.0}, "settle is -1, but must lie between 0 and 3600."),
        ({"poll": 0.0}, "poll is 0,"),
        ({"jobs": 0}, "jobs is 0,"),
        ({"then": "burn"}, "then"),
        ({"then": "move"}, "--then move and --to DIR belong together."),
        ({"to": "done"}, "belong together."),
        ({"webhook": "ftp://example.com"}, "begins with http:// or https://"),
        ({"webhook": "http://[::1"}, "begins with http:// or https://"),
    ],
)
def test_what_cannot_be_asked_for_is_a_sentence(options, said):
    with pytest.raises(UsageError, match=None) as raised:
        WatchOptions(**options)
    assert said in str(raised.value)


def test_a_command_is_split_as_a_shell_does():
    assert split_command("eject --line 'number 3' $HOME") == (
        "eject",
        "--line",
        "number 3",
        "$HOME",
    )
    for wrong in ("", "   ", "eject 'now"):
        with pytest.raises(UsageError):
            split_command(wrong)
