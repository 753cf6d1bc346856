import errno
import hashlib
import io
import os
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from capsule_inspect.errors import ModelFileError
from capsule_inspect.modelfile.bundle import (
    MAX_FILE_BYTES,
    pack_bundle,
    read_bundle,
    require_place,
    write_bundle,
)
from capsule_inspect.modelfile.metadata import OperatingPoint


@pytest.fixture(scope="module")
def packed(tiny, metadata):
    return pack_bundle(tiny, metadata)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("bundle") / "scratch.tflite"


def refusal(path) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_bundle(path)
    message = str(caught.value)
    assert f"'{path}'" in message
    assert message.endswith(".")
    assert "\n" not in message
    return message


def test_a_model_file_may_take_a_free_place_or_that_of_another(tmp_path, packed):
    require_place(tmp_path / "new" / "model.tflite")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "old.tflite").write_bytes(packed)
    require_place(tmp_path / "old.tflite")
    assert (tmp_path / "old.tflite").read_bytes() == packed


@pytest.mark.parametrize("content", [b"the only copy of a network", b"", None])
def test_nothing_else_is_written_over(tmp_path, content):
    path = tmp_path / "model.keras"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.keras' is there, and is no model file"):
        require_place(path)
    assert content is None or path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ModelFileError, match=r"cannot be written: .* Choose another place"):
        require_place(tmp_path / "file" / "model.tflite")


def test_what_is_written_is_read_back(tmp_path, tiny, metadata, packed):
    path = tmp_path / "model.tflite"
    write_bundle(path, tiny, metadata)
    bundle = read_bundle(path)
    assert bundle.flatbuffer == tiny
    assert bundle.metadata == metadata
    assert bundle.name == f"'{path}'"
    assert path.read_bytes() == packed
    assert list(tmp_path.iterdir()) == [path]


def test_any_zip_tool_finds_the_one_member(tmp_path, metadata, packed):
    path = tmp_path / "model.tflite"
    path.write_bytes(packed)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["metadata.json"]
        assert archive.testzip() is None
        assert archive.read("metadata.json") == metadata.to_json()


def zipped(flatbuffer: bytes, members: dict[str, bytes], compression=zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(file, "a", compression) as archive:
        for name, payload in members.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = compression
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, payload)
    return file.getvalue()


def test_the_archive_is_what_the_standard_library_writes(tiny, metadata, packed):
    assert packed == zipped(tiny, {"metadata.json": metadata.to_json()})


def test_a_single_flipped_bit_is_noticed(tiny, metadata, packed, scratch):
    """All bits of the archive's records, and one bit in every third byte of what it encloses."""
    payload = range(len(tiny) + 43, len(tiny) + 43 + len(metadata.to_json()))
    records = [place for place in range(len(tiny), len(packed)) if place not in payload]
    assert len(records) == 43 + 81
    bits = [(place, bit) for place in records for bit in range(8)]
    bits += [(place, place % 8) for part in (range(len(tiny)), payload) for place in part[::3]]
    damaged = bytearray(packed)
    for place, bit in bits:
        damaged[place] ^= 1 << bit
        scratch.write_bytes(damaged)
        with pytest.raises(ModelFileError):
            read_bundle(scratch)
        damaged[place] ^= 1 << bit
    scratch.write_bytes(damaged)
    read_bundle(scratch)  # the loop ends where it began


@given(st.data())
def test_any_damage_is_noticed(packed, scratch, data):
    damaged = bytearray(packed)
    ends = st.integers(0, len(packed))
    for _ in range(data.draw(st.integers(1, 4))):
        start, end = sorted((data.draw(ends), data.draw(ends)))
        damaged[start:end] = data.draw(
            st.sampled_from([b"", bytes(end - start), bytes(damaged[:start])]) | st.binary()
        )
    assume(damaged != packed)
    scratch.write_bytes(damaged)
    refusal(scratch)


@given(st.binary(), st.integers(0, 64))
def test_a_foreign_tail_is_refused(packed, scratch, tail, cut):
    """Ends that look like an archive, with records cut or filled at random."""
    assume(packed[len(packed) - cut :] != tail)
    scratch.write_bytes(b"\x1c\0\0\0TFL3" + tail + packed[len(packed) - cut :])
    refusal(scratch)


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_a_truncated_file_is_refused(packed, scratch, length):
    scratch.write_bytes(packed[: length % len(packed)])
    refusal(scratch)


def test_foreign_archives_are_refused(scratch, tiny, metadata):
    good = metadata.to_json()
    for data in (
        zipped(tiny, {}),
        zipped(tiny, {"labels.txt": b"good\n"}),
        zipped(tiny, {"metadata.json": good, "labels.txt": b"good\n"}),
        zipped(tiny, {"labels.txt": b"good\n", "metadata.json": good}),
        zipped(tiny, {"metadata.json": good}, zipfile.ZIP_DEFLATED),
        zipped(tiny, {"metadata.JSON": good}),
    ):
        scratch.write_bytes(data)
        assert "archive" in refusal(scratch)


def test_a_model_with_the_metadata_of_another_is_refused(scratch, tiny, metadata):
    other = tiny[:-1] + bytes([tiny[-1] ^ 1])
    scratch.write_bytes(zipped(other, {"metadata.json": metadata.to_json()}))
    assert "SHA-256" in refusal(scratch)


def test_a_whole_file_with_unusable_metadata_is_refused(scratch, tiny):
    scratch.write_bytes(zipped(tiny, {"metadata.json": b"{}"}))
    assert "is missing" in refusal(scratch)


def test_what_is_no_model_is_refused(tmp_path, tiny):
    path = tmp_path / "x"
    assert "does not exist" in refusal(path)
    assert "not a regular file" in refusal(tmp_path)
    path.touch()
    assert "empty" in refusal(path)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "not a TensorFlow Lite model" in refusal(path)
    path.write_bytes(tiny)
    assert "does not end with capsule-inspect metadata" in refusal(path)
    assert "cannot be read" in refusal(path / "below")


def test_a_file_too_large_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "large.tflite"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    monkeypatch.delattr(Path, "open")
    assert "256 MiB" in refusal(path)


def test_the_largest_size_is_allowed(scratch, tiny, metadata, packed, monkeypatch):
    scratch.write_bytes(packed)
    monkeypatch.setattr("capsule_inspect.modelfile.bundle.MAX_FILE_BYTES", len(packed))
    assert read_bundle(scratch).flatbuffer == tiny
    monkeypatch.setattr("capsule_inspect.modelfile.bundle.MAX_FILE_BYTES", len(packed) - 1)
    assert "is larger than" in refusal(scratch)
    with pytest.raises(ModelFileError, match="the new model is larger than"):
        pack_bundle(tiny, metadata)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    path = tmp_path / "pipe.tflite"
    os.mkfifo(path)
    assert "not a regular file" in refusal(path)


def test_what_could_not_be_read_is_not_packed(tiny, metadata):
    foreign = b"ONNX" * 9
    for flatbuffer, described in (
        (tiny + b"\0", metadata),
        (foreign, replace(metadata, flatbuffer_sha256=hashlib.sha256(foreign).hexdigest())),
        (tiny, replace(metadata, classes=("crack", "good"))),
        (tiny, replace(metadata, operating_point=OperatingPoint(threshold=2.0))),
    ):
        with pytest.raises(ModelFileError):
            pack_bundle(flatbuffer, described)


def test_a_failed_write_leaves_the_old_file_alone(tmp_path, tiny, metadata, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match=r"model\.tflite' cannot be written: No space left"):
        write_bundle(path, tiny, metadata)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_into_a_missing_folder_is_a_sentence(tmp_path, tiny, metadata):
    with pytest.raises(ModelFileError, match="cannot be written"):
        write_bundle(tmp_path / "missing" / "model.tflite", tiny, metadata)


@pytest.mark.skipif(os.name != "posix", reason="file modes of POSIX")
def test_others_may_read_the_file_as_the_umask_says(tmp_path, tiny, metadata):
    path = tmp_path / "model.tflite"
    before = os.umask(0o027)
    try:
        write_bundle(path, tiny, metadata)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
