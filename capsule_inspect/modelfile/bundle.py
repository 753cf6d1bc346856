"""Packs model files, and verifies them before any runtime reads them."""

import hashlib
import os
import stat
import struct
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from capsule_inspect.errors import ModelFileError
from capsule_inspect.files import atomic_write
from capsule_inspect.modelfile.metadata import ModelMetadata
from capsule_inspect.text import suggest_path

MAX_FILE_BYTES = 256 * 2**20
"""Size limit of a model file: some fifty times the shipped one."""

_IDENTIFIER = b"TFL3"  # in bytes 4 to 8 of every TensorFlow Lite flatbuffer
_MEMBER = b"metadata.json"

# The three records of a zip archive: APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16.
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_TAIL_BYTES = _CENTRAL.size + len(_MEMBER) + _END.size
_SIZE_IN_TAIL = slice(24, 28)  # the member's size in the central record
_ZIP_VERSION = 20
_UNIX = 3 << 8
_DATE = 0x21  # 1980-01-01, the earliest date in zip
_MODE = 0o100644 << 16


@dataclass(frozen=True)
class ModelBundle:
    """A verified model with its metadata.

    Attributes:
        flatbuffer: The TensorFlow Lite model, without the archive.
        metadata: The metadata of the file.
        name: The name of the file in messages.
    """

    flatbuffer: bytes = field(repr=False)
    metadata: ModelMetadata
    name: str = field(default="the model", compare=False)


def pack_bundle(flatbuffer: bytes, metadata: ModelMetadata) -> bytes:
    """Returns the bytes of a model file, the same on every machine.

    Raises:
        ModelFileError: `read_bundle` would refuse the result: `flatbuffer` is not a TensorFlow Lite
            model or too large, or the metadata is invalid or holds another SHA-256.
        ValueError: A number in the metadata is not finite.
    """
    data = flatbuffer + _archive(metadata.to_json(), len(flatbuffer))
    _verify(data, "the new model")
    return data


def read_bundle(path: Path) -> ModelBundle:
    """Reads a model file and verifies every byte.

    Raises:
        ModelFileError: The file is missing, empty, larger than `MAX_FILE_BYTES`, not a regular
            file, not made by this package, or changed since it was written.
    """
    return _verify(_read_bytes(path), f"'{path}'")


def require_place(path: Path) -> None:
    """Checks, before the work, that a model file can be written, and over what.

    Args:
        path: The file to write; its folder is made.

    Raises:
        ModelFileError: Another kind of file is there, or the folder cannot be written to.
    """
    if path.exists():
        try:
            read_bundle(path)
        except ModelFileError:
            raise ModelFileError(
                f"'{path}' is there, and is no model file of this tool. It stays as it is: choose "
                "another name for the file to write."
            ) from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ModelFileError(
            f"The model file '{path}' cannot be written: {error.strerror}. Choose another place "
            "with --out."
        ) from error


def write_bundle(path: Path, flatbuffer: bytes, metadata: ModelMetadata) -> None:
    """Writes a model file atomically.

    Raises:
        ModelFileError: `pack_bundle` refuses the model, or the file cannot be written.
        ValueError: A number in the metadata is not finite.
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
        if not stat.S_ISREG(found.st_mode):  # reading a pipe or device could hang
            raise ModelFileError(
                f"'{path}' is not a regular file, so it is not a model. To make a model from a run "
                "folder, use `capsule-inspect export-tflite`."
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
            f"The model file '{path}' is empty: copy it again, or export the model again."
        )
    return data


def _verify(data: bytes, name: str) -> ModelBundle:
    if len(data) > MAX_FILE_BYTES:
        raise _too_large(name)
    if data[4:8] != _IDENTIFIER:
        raise ModelFileError(
            f"{name} is not a TensorFlow Lite model. To make one, use `capsule-inspect "
            "export-tflite`."
        )
    if data[-_END.size :][:4] != _END_SIGNATURE:
        raise ModelFileError(
            f"{name} does not end with capsule-inspect metadata: it is truncated, or was not made "
            "by `capsule-inspect export-tflite`."
        )
    payload, start = _locate(data)
    if data[start:] != _archive(payload, start):
        raise ModelFileError(
            f"The metadata archive of {name} is damaged or was not written by capsule-inspect: "
            "copy the file again, or export the model again."
        )
    flatbuffer = data[:start]
    metadata = ModelMetadata.from_json(payload, name)
    if hashlib.sha256(flatbuffer).hexdigest() != metadata.flatbuffer_sha256:
        raise ModelFileError(
            f"{name} is damaged or was changed after export (its SHA-256 differs): "
            "copy the file again, or export the model again."
        )
    return ModelBundle(flatbuffer, metadata, name)


def _too_large(name: str) -> ModelFileError:
    return ModelFileError(
        f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB, the limit for a model file."
    )


def _locate(data: bytes) -> tuple[bytes, int]:
    """Returns the content of the archive's member and the archive's offset.

    Both are right only if this package wrote the archive; the caller compares.
    """
    size = int.from_bytes(data[-_TAIL_BYTES:][_SIZE_IN_TAIL], "little")
    end = len(data) - _TAIL_BYTES
    start = max(0, end - size - _LOCAL.size - len(_MEMBER))
    return data[start + _LOCAL.size + len(_MEMBER) : max(0, end)], start


def _archive(payload: bytes, start: int) -> bytes:
    """Returns the archive: one stored member, a fixed date, offsets from the start of the file.

    The bytes are packed by hand, since the output of `zipfile` may differ between Python versions.
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
