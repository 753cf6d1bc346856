"""Uploads: the pictures that a request brings, as a raw body or as the parts of a form."""

import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from tempfile import SpooledTemporaryFile
from time import monotonic
from typing import Any, Final

from anyio import fail_after
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from capsule_inspect.inference.result_names import mark_name, safe_name
from capsule_inspect.serving.options import ServeOptions
from capsule_inspect.serving.problems import ClientGoneError, ProblemError
from capsule_inspect.text import printable

MAX_PICTURES: Final = 500
"""The most pictures of a request."""

_MEMORY_BYTES: Final = 256 * 1024
"""The most bytes of a picture to hold in memory; more go to a temporary file without a name."""

_MAX_TEXT_BYTES: Final = 4096
"""The most bytes of a part that is no file; such a part is refused, but first read."""


@dataclass(frozen=True)
class Upload:
    """A picture that a client sent: an `InputPicture`.

    Attributes:
        path: What the client calls it, spelled by `printable`.
        name: The name of its results.
        content: Its bytes: in memory, or if there are many in a temporary file without a name.
    """

    path: str
    name: str
    content: UploadFile

    def read(self, max_pixels: int) -> bytes:
        """Returns the bytes, and frees what held them; call it once."""
        del max_pixels  # a request is limited in bytes before it gets here
        with self.content.file as file:
            file.seek(0)
            return file.read()


class Intake:
    """Bounds the bytes that all requests together hold, from their first byte to their answer.

    Slow clients hold few bytes, so they keep nobody out.

    Args:
        max_bytes: The most bytes.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes

    @contextmanager
    def hold(self) -> Iterator[Callable[[int], None]]:
        """Yields a function that takes bytes; they are given back at the end of the block.

        Raises:
            ProblemError: 503, from that function, where all bytes are taken.
        """
        held = 0

        def take(count: int) -> None:
            nonlocal held
            if count > self._left:
                raise ProblemError(
                    503,
                    "The server is receiving too many pictures at once. Try again in a moment.",
                    {"Retry-After": "1"},
                )
            held += count
            self._left -= count

        try:
            yield take
        finally:
            self._left += held


async def receive_uploads(
    request: Request, options: ServeOptions, take: Callable[[int], None]
) -> tuple[Upload, ...]:
    """Receives the pictures of a request.

    A form may have files in parts of any name; `Content-Type: image/…` makes the body one picture,
    which the query's `name` names.

    Args:
        request: The request; its body is consumed.
        options: The limits.
        take: From `Intake.hold`.

    Returns:
        The pictures, in order; at least one. Close them.

    Raises:
        ProblemError: 400, the body is no such form; 408, it took too long; 413, it is too large;
            415, it is of another type; 503, there is no room.
        ClientGoneError: The client left.
    """
    coding = request.headers.get("content-encoding", "identity")
    if coding.lower() != "identity":
        raise ProblemError(
            415,
            f"The content is encoded as '{printable(coding)}'. Send it as it is.",
            {"Accept-Encoding": "identity"},
        )
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = _limited(request, options, take)
    try:
        if kind == "multipart/form-data":
            return await _receive_form(request, body)
        if kind.startswith("image/"):
            return (await _receive_raw(request, body, kind.removeprefix("image/")),)
    except ClientDisconnect:
        raise ClientGoneError from None
    raise ProblemError(
        415,
        f"The content type is '{printable(kind)}'. Send pictures as multipart/form-data, or one "
        "picture as the body with its type, such as image/png.",
        {"Accept-Post": "multipart/form-data, image/*"},
    )


async def _limited(
    request: Request, options: ServeOptions, take: Callable[[int], None]
) -> AsyncGenerator[bytes, None]:
    """Yields the body in chunks, as long as it keeps the limits of size and time."""
    declared = request.headers.get("content-length", "0")
    too_large = ProblemError(
        413, f"The request has more than {options.max_bytes / 1e6:g} MB. Send fewer pictures."
    )
    if not declared.isdecimal() or int(declared) > options.max_bytes:
        raise too_large
    received, deadline = 0, monotonic() + options.timeout
    chunks = request.stream()
    while True:
        try:
            with fail_after(max(0.001, deadline - monotonic())):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise ProblemError(
                408,
                f"The request did not arrive within {options.timeout:g} seconds. Send it again.",
                {"Connection": "close"},
            ) from None
        received += len(chunk)
        if received > options.max_bytes:
            raise too_large
        take(len(chunk))
        yield chunk


async def _receive_raw(request: Request, body: AsyncGenerator[bytes, None], kind: str) -> Upload:
    spool: Any = SpooledTemporaryFile(_MEMORY_BYTES)  # noqa: SIM115
    content = UploadFile(spool, size=0)
    try:
        async for chunk in body:
            await content.write(chunk)
    except BaseException:
        spool.close()
        raise
    if not content.size:
        spool.close()
        raise ProblemError(400, "The body is empty. Send a picture.")
    extension = "jpg" if kind == "jpeg" else kind
    name = request.query_params.get("name") or f"picture.{extension}"
    return _name_apart([(name, content)])[0]


async def _receive_form(request: Request, body: AsyncGenerator[bytes, None]) -> tuple[Upload, ...]:
    parser = MultiPartParser(
        _with_boundary_alone(request),
        body,
        max_files=MAX_PICTURES,
        max_fields=MAX_PICTURES,
        max_part_size=_MAX_TEXT_BYTES,
    )
    parser.spool_max_size = _MEMORY_BYTES
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise ProblemError(400, f"The form cannot be read: {error.message}") from None
    items = form.multi_items()
    files = [(file.filename or name, file) for name, file in items if isinstance(file, UploadFile)]
    if len(files) < len(items) or not files:
        await form.close()
        texts = [name for name, item in items if isinstance(item, str)]
        reason = f"Its part '{printable(texts[0])}' has no file name." if texts else "It is empty."
        raise ProblemError(400, f"{reason} Send pictures as files, such as curl -F file=@a.png")
    return _name_apart(files)


def _with_boundary_alone(request: Request) -> Headers:
    """Returns the type of a form without parameters that nobody needs, such as odd charsets."""
    _, parameters = parse_options_header(request.headers["content-type"])
    boundary = parameters.get(b"boundary", b"")
    if not re.fullmatch(rb"[ -!#-\[\]-~]{1,200}", boundary):
        raise ProblemError(400, "The form has no boundary, or one that it cannot have.")
    return Headers(raw=[(b"content-type", b'multipart/form-data; boundary="%b"' % boundary)])


def _name_apart(files: Sequence[tuple[str, UploadFile]]) -> tuple[Upload, ...]:
    """Gives the results of each picture a name of their own."""
    taken: set[str] = set()
    uploads = []
    for number, (given, content) in enumerate(files):
        path = printable(given).replace("\0", r"\0")
        name = safe_name(PurePosixPath(path)) or "picture"
        if name in taken:
            name = mark_name(name, f"{number}: {path}")
        taken.add(name)
        uploads.append(Upload(path, name, content))
    return tuple(uploads)
