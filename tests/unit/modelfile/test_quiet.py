import os

import pytest

from capsule_inspect.modelfile.quiet import without_info_lines


def test_only_info_lines_are_dropped(capfd):
    with without_info_lines():
        os.write(2, b"INFO: a delegate was made\nERROR: it hurts\nINFO: more\nno newline")
    os.write(2, b"\nINFO: afterwards\n")
    assert capfd.readouterr().err == "ERROR: it hurts\nno newline\nINFO: afterwards\n"


def test_an_error_passes_through_and_stderr_comes_back(capfd):
    def warn_and_break():
        os.write(2, b"WARNING: look\n")
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"), without_info_lines():
        warn_and_break()
    os.write(2, b"INFO: afterwards\n")
    assert capfd.readouterr().err == "WARNING: look\nINFO: afterwards\n"


def test_no_file_descriptor_is_left_open():
    def free() -> list[int]:
        descriptors = [os.dup(1) for _ in range(8)]
        for descriptor in descriptors:
            os.close(descriptor)
        return descriptors

    before = free()
    with without_info_lines():
        pass
    assert free() == before


def test_without_a_place_for_a_file_the_block_still_runs(monkeypatch, capfd):
    def refuse():
        raise OSError("read-only")

    monkeypatch.setattr("capsule_inspect.modelfile.quiet.TemporaryFile", refuse)
    with without_info_lines():
        os.write(2, b"INFO: seen\n")
    assert capfd.readouterr().err == "INFO: seen\n"
