import os
import threading

import pytest

from capsule_inspect.modelfile.without_info_lines import without_info_lines


def test_the_notes_of_tensorflow_and_its_converter_are_dropped(capfd):
    with without_info_lines():
        os.write(2, b"I0000 00:00:17 1 cuda.cc:31] no GPU\nW0000 00:00:17 1 x.cc:3] slow\n")
        os.write(2, b"WARNING: All log messages before absl::InitializeLog()\n")
        os.write(2, b"fully_quantize: 0, inference_type: 6\nE0000 00:00:17 1 x.cc:3] broken\n")
    assert capfd.readouterr().err == "E0000 00:00:17 1 x.cc:3] broken\n"


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


def test_threads_take_turns_and_leave_stderr_where_it_was():
    before = os.fstat(2)
    second_is_inside, first_has_left = threading.Event(), threading.Event()

    def enter_and_leave_after_the_first():
        with without_info_lines():
            second_is_inside.set()
            first_has_left.wait(10)

    second = threading.Thread(target=enter_and_leave_after_the_first)
    with without_info_lines():
        second.start()
        assert not second_is_inside.wait(0.2)
    first_has_left.set()
    second.join(10)
    assert second_is_inside.is_set()
    after = os.fstat(2)
    assert (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino)


def test_without_a_place_for_a_file_the_block_still_runs(monkeypatch, capfd):
    def refuse():
        raise OSError("read-only")

    monkeypatch.setattr("capsule_inspect.modelfile.without_info_lines.TemporaryFile", refuse)
    with without_info_lines():
        os.write(2, b"INFO: seen\n")
    assert capfd.readouterr().err == "INFO: seen\n"
