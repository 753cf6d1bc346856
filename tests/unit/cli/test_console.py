import pytest

from capsule_inspect.cli import console


@pytest.mark.parametrize("speak", [console.say, console.warn, console.complain])
def test_a_file_name_tells_the_terminal_nothing(speak, capfd, monkeypatch):
    monkeypatch.setattr(console, "_logs", [])
    speak("'no\x1b[31m\a[red].png' does not exist.\nNext line")
    assert capfd.readouterr().err.endswith("'no?[31m?[red].png' does not exist.\nNext line\n")


def test_messages_kept_off_the_terminal_are_in_the_log(capfd, tmp_path):
    log = tmp_path / "log.txt"
    with console.speaking(quiet=True, log_file=log):
        console.say("said")
        console.warn("warned")
    console.say("said later")
    assert capfd.readouterr().err == "said later\n"
    lines = [line.split(" ", 2)[2] for line in log.read_text().splitlines()]
    assert lines == ["INFO said", "WARNING warned"]
