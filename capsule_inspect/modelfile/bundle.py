"""Pack a model file, and verify one before any runtime sees it."""

import hashlib
import os
import stat
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from capsule_inspect.errors import ModelFileError
from capsule_inspect.files import atomic_write
from capsule_inspect.modelfile.metadata import ModelMetadata
from capsule_inspect.text import suggest_path

MAX_FILE_BYTES = 256 * 2**20
"""The largest model file that is read: some fifty times the shipped one."""

_IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every TensorFlow Lite flatbuffer
_MEMBER = b"metadata.json"

# The three records of a zip archive, as in APPNOTE.TXT 4.3.7, 4.3.12 and 4.3.16.
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_TAIL_BYTES = _CENTRAL.size + len(_MEMBER) + _END.size
_SIZE_IN_TAIL = slice(24, 28)  # the member's size, in its central record
_ZIP_VERSION = 20
_UNIX = 3 << 8
_DATE = 0x21  # 1980-01-01, the earliest that zip knows
_MODE = 0o100644 << 16


@dataclass(frozen=True)
class ModelBundle:
    """A model and its metadata, verified to belong together.

    Attributes:
        flatbuffer: The TensorFlow Lite model, without the archive.
        metadata: What the file says about it.
        name: The file it came from, as messages call it.
    """

    flatbuffer: bytes = field(repr=False)
    metadata: ModelMetadata
    name: str = field(default="the model", compare=False)


def pack_bundle(flatbuffer: bytes, metadata: ModelMetadata) -> bytes:
    """Joins a model and its metadata into the bytes of a model file; the same on every machine.

    Raises:
        ModelFileError: `read_bundle` would refuse the result: the flatbuffer is not one, it is too
            large, or the metadata has another SHA-256 or breaks its own rules.
        ValueError: A number in the metadata is not finite.
    """
    data = flatbuffer + _archive(metadata.to_json(), len(flatbuffer))
    _verify(data, "the new model")
    return data


def read_bundle(path: Path) -> ModelBundle:
    """Reads a model file and verifies all of it.

    Raises:
        ModelFileError: The file is missing, not a regular file, empty, larger than
            `MAX_FILE_BYTES`, not made by this package, or not exactly as it was written.
    """
    return _verify(_read_bytes(path), f"'{path}'")


def write_bundle(path: Path, flatbuffer: bytes, metadata: ModelMetadata) -> None:
    """Writes a model file so that at `path` there is always the old file or the whole new one.

    Raises:
        ModelFileError: As `pack_bundle`, or the file cannot be written.
        ValueError: As `pack_bundle`.
    """
    data = pack_bundle(flatbuffer, metadata)
    try:
        with atomic_write(path) as unfinished, unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ModelFileError(
            f"The model file '{path}' cannot be written: {error.strerror}."
        ) from error


def _read_bytes(path: Path) -> bytes:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe or device could hang the program
            raise ModelFileError(
                f"'{path}' is not a regular file, so it cannot be a model. "
                "Of a run folder export-tflite makes one."
            )
        if found.st_size > MAX_FILE_BYTES:
            raise _too_large(f"'{path}'")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise ModelFileError(
            f"The model file '{path}' does not exist.{suggest_path(path, Path.is_file)}"
        ) from error
    except OSError as error:
        raise ModelFileError(
            f"The model file '{path}' cannot be read: {error.strerror}."
        ) from error
    if not data:
        raise ModelFileError(
            f"The model file '{path}' is empty: take a fresh copy of it, or export the model again."
        )
    return data


def _verify(data: bytes, name: str) -> ModelBundle:
    if len(data) > MAX_FILE_BYTES:
        raise _too_large(name)
    if data[4:8] != _IDENTIFIER:
        raise ModelFileError(f"{name} is not a TensorFlow Lite model; export-tflite makes one.")
    if data[-_END.size :][:4] != _END_SIGNATURE:
        raise ModelFileError(
            f"{name} does not end in metadata of capsule-inspect: it is cut short, or was not made "
            "by `capsule-inspect export-tflite`."
        )
    payload, start = _locate(data)
    if data[start:] != _archive(payload, start):
        raise ModelFileError(
            f"The metadata archive of {name} is damaged or was not written by capsule-inspect: "
            "take a fresh copy of the file, or export the model again."
        )
    flatbuffer = data[:start]
    metadata = ModelMetadata.from_json(payload, name)
    if hashlib.sha256(flatbuffer).hexdigest() != metadata.flatbuffer_sha256:
        raise ModelFileError(
            f"{name} is damaged or was changed after it was made (its SHA-256 differs): "
            "take a fresh copy of the file, or export the model again."
        )
    return ModelBundle(flatbuffer, metadata, name)


def _too_large(name: str) -> ModelFileError:
    return ModelFileError(
        f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB, more than a model of capsule-inspect."
    )


def _locate(data: bytes) -> tuple[bytes, int]:
    """Where the archive begins and what its member holds, if the archive is ours."""
    size = int.from_bytes(data[-_TAIL_BYTES:][_SIZE_IN_TAIL], "little")
    end = len(data) - _TAIL_BYTES
    start = max(0, end - size - _LOCAL.size - len(_MEMBER))
    return data[start + _LOCAL.size + len(_MEMBER) : max(0, end)], start


def _archive(payload: bytes, start: int) -> bytes:
    """The only form of the archive: one stored member, fixed date, offsets from the file's start.

    It is spelled out because what `zipfile` writes may change from one Python to the next.
    """
    crc = zlib.crc32(payload)
    sizes = (len(payload), len(payload), len(_MEMBER))
    common = (_ZIP_VERSION, 0, 0, 0, _DATE, crc, *sizes, 0)
    local = _LOCAL.pack(b"PK\x03\x04", *common) + _MEMBER
    central = (
        _CENTRAL.pack(b"PK\x01\x02", _UNIX | _ZIP_VERSION, *common, 0, 0, 0, _MODE, start) + _MEMBER
    )
    directory = start + len(local) + len(payload)
    end = _END.pack(_END_SIGNATURE, 0, 0, 1, 1, len(central), directory, 0)
    return local + payload + central + end
