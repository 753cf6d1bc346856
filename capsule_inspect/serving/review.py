"""The server of `review`: it shows the pictures of a run, and stores what a person says of them."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from capsule_inspect.choices import GOOD, PICTURE_FORMATS
from capsule_inspect.errors import PictureError, UsageError
from capsule_inspect.imaging.encode import encode_picture
from capsule_inspect.imaging.picture import name_file, read_picture_file
from capsule_inspect.imaging.read import decode_picture
from capsule_inspect.inference.corrections import UNSURE, CorrectionLog
from capsule_inspect.inference.digests import sha256
from capsule_inspect.inference.records import file_of
from capsule_inspect.inference.results_folder import PICTURE_FOLDERS
from capsule_inspect.inference.review_queue import ReviewItem, ReviewQueue
from capsule_inspect.serving.guard import Guard
from capsule_inspect.serving.options import ServeOptions
from capsule_inspect.serving.problems import ProblemError, problem_response, server_failed
from capsule_inspect.serving.workers import Workers
from capsule_inspect.text import on_one_line, printable

_SERVING: Final = Path(str(files("capsule_inspect.serving")))
_PAGES: Final = Path(str(files("capsule_inspect.pages")))

_FILES: Final[Mapping[str, Path]] = MappingProxyType(
    {
        "": _SERVING / "page" / "review.html",
        **{
            name: _SERVING / "page" / "static" / name
            for name in ("dom.js", "icon.svg", "review_main.js", "style.css", "token.js")
        },
        **{name: _PAGES / "templates" / name for name in ("review.css", "review.js")},
    }
)
"""What the page is made of; the last two are those of the report of `predict`, too."""

_ASK_AGAIN: Final = {"Cache-Control": "no-cache"}

_MAX_BODY: Final = 64 * 1024
_MAX_NAME: Final = 100
"""The most characters of a reviewer's name."""

_MOST_EXACT: Final = 4_000_000
"""The most pixels of a picture that is shown as PNG; of a larger one, that would take seconds."""


class _Uncounted:
    """Takes the place of metrics, which nobody asks this server for."""

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Does nothing."""


def make_review_app(
    queue: ReviewQueue,
    log: CorrectionLog,
    reviewer: str,
    options: ServeOptions,
    workers: Workers,
) -> ASGIApp:
    """Makes the application.

    Args:
        queue: What there is to judge.
        log: Where judgements go.
        reviewer: The name that the page proposes.
        options: The rules of access.
        workers: Threads for what reads and writes; closed at the end.
    """
    review = _Review(queue, log, reviewer, workers)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        workers.close()

    app = Starlette(
        routes=[
            Route("/", partial(_page_file, name="")),
            Route("/static/{name}", _static),
            Route("/v1/review", review.describe),
            Route("/v1/pictures/{item:int}", review.picture),
            Route("/v1/overlays/{item:int}", review.overlay),
            Route("/v1/corrections", review.judge, methods=["POST"]),
            Route("/v1/undo", review.undo, methods=["POST"]),
        ],
        lifespan=lifespan,
        exception_handlers=dict.fromkeys((ProblemError, HTTPException, Exception), _answer_error),
    )
    app.router.redirect_slashes = False
    return Guard(app, options, _Uncounted())


async def _static(request: Request) -> Response:
    return await _page_file(request, request.path_params["name"])


async def _page_file(request: Request, name: str) -> Response:
    del request
    if name not in _FILES:
        raise ProblemError(404, "The page has no such file.")
    return FileResponse(_FILES[name], headers=_ASK_AGAIN)


async def _answer_error(request: Request, error: Exception) -> Response:
    request_id = request.state.request_id
    if isinstance(error, HTTPException):
        place = printable(request.scope["path"])
        error = ProblemError(
            error.status_code, f"{request.method} {place}: {error.detail}.", error.headers or {}
        )
    elif not isinstance(error, ProblemError):
        error = server_failed(request_id)
    return problem_response(error, request_id)


@dataclass(frozen=True)
class _Review:
    """The answers.

    Attributes:
        queue: What there is to judge.
        log: Where judgements go.
        reviewer: The name that the page proposes.
        workers: Threads for what reads and writes.
        places: The number of each item, by its key.
    """

    queue: ReviewQueue
    log: CorrectionLog
    reviewer: str
    workers: Workers
    places: dict[tuple[str, int | None, str], int] = field(init=False)

    def __post_init__(self) -> None:
        places = {item.key: number for number, item in enumerate(self.queue.items)}
        object.__setattr__(self, "places", places)

    async def describe(self, _: Request) -> Response:
        """Tells all items, the most doubtful first, and what was judged before."""
        return JSONResponse(
            {
                "folder": printable(str(self.queue.folder.path)),
                "reviewer": self.reviewer,
                "classes": [each for each in self.queue.classes if each != GOOD],
                "left_out": self.queue.left_out,
                "items": [_describe(item) for item in self.queue.items],
                **self._news(0),
            },
            headers=_ASK_AGAIN,
        )

    async def picture(self, request: Request) -> Response:
        """Returns the picture of an item, the right way up, in a form that browsers show."""
        item = self._item(request.path_params["item"])
        data, kind = await self.workers.run(partial(_show, item.record.path, item, self.queue))
        return Response(data, media_type=f"image/{kind}", headers={"Cache-Control": "no-store"})

    async def overlay(self, request: Request) -> Response:
        """Returns the overlay of an item as `predict` wrote it."""
        item = self._item(request.path_params["item"])
        data, kind = await self.workers.run(partial(_read_overlay, item, self.queue))
        return Response(data, media_type=f"image/{kind}", headers={"Cache-Control": "no-store"})

    async def judge(self, request: Request) -> Response:
        """Stores a judgement; the answer comes when the disk has it."""
        body = await _read_json(request)
        item = self._item(body.get("item"))
        label = body.get("label")
        if not isinstance(label, str) or label not in {*self.queue.classes, UNSURE}:
            known = ", ".join((*self.queue.classes, UNSURE))
            raise ProblemError(400, f"The label must be one of: {known}.")
        judgement = item.judge(_reviewer(body), label)
        await self._store(partial(self.log.append, judgement))
        return JSONResponse(self._news(body.get("after")))

    async def undo(self, request: Request) -> Response:
        """Takes back the last judgement of a reviewer."""
        body = await _read_json(request)
        reviewer = _reviewer(body)
        last = await self._store(partial(self.log.undo, reviewer, self.places))
        undone = None if last is None else self.places[last.key]
        return JSONResponse({"undone": undone, **self._news(body.get("after"))})

    def _item(self, number: object) -> ReviewItem:
        if not isinstance(number, int) or not 0 <= number < len(self.queue.items):
            raise ProblemError(404, "There is no such picture in this run.")
        return self.queue.items[number]

    async def _store(self, work: Callable[[], Any]) -> Any:
        try:
            return await self.workers.run(work)
        except UsageError as error:
            raise ProblemError(507, str(error)) from error

    def _news(self, after: object) -> dict[str, object]:
        """Returns what the lines of the log after the first ones changed, also those of others.

        Args:
            after: How many lines the page knows.
        """
        lines = self.log.lines
        known = after if isinstance(after, int) and 0 <= after <= len(lines) else 0
        count = len(lines)
        touched = {line.key for line in lines[known:count]} & self.places.keys()
        judged = {key: self.log.judgements.of(key) for key in touched}
        labels = {self.places[key]: each.label if each else "" for key, each in judged.items()}
        return {"count": count, "labels": labels}


def _describe(item: ReviewItem) -> dict[str, object]:
    record = item.record
    names = ("path", "capsule", "status", "label", "defect_score", "threshold", "warning")
    box = [record.x, record.y, record.width, record.height, record.angle]
    return {
        **{name: getattr(record, name) for name in names},
        "capsules": item.capsules,
        "reasons": item.reasons,
        "box": box if item.capsules > 1 else None,
        "overlay": bool(record.overlay),
    }


def _show(path: str, item: ReviewItem, queue: ReviewQueue) -> tuple[bytes, str]:
    file = file_of(path)
    try:
        data = read_picture_file(file, queue.max_pixels)
        if sha256(data) != item.picture_sha256:
            raise ProblemError(
                409,
                f"'{path}' is another picture than the one that was inspected, so it cannot be "
                "judged. Inspect it again.",
            )
        pixels = decode_picture(data, name_file(file), queue.max_pixels, queue.bits).pixels
        is_exact = pixels.shape[0] * pixels.shape[1] <= _MOST_EXACT
        return encode_picture(pixels, "png" if is_exact else "jpg"), "png" if is_exact else "jpeg"
    except PictureError as error:
        raise ProblemError(404, printable(str(error))) from error


def _read_overlay(item: ReviewItem, queue: ReviewQueue) -> tuple[bytes, str]:
    name = item.record.overlay
    folder = queue.folder.path.resolve()
    file = (folder / name).resolve()
    kind = file.suffix.removeprefix(".")
    if not name or kind not in PICTURE_FORMATS or not _is_within(file, folder):
        raise ProblemError(404, f"'{item.record.path}' has no overlay.")
    try:
        return file.read_bytes(), "jpeg" if kind == "jpg" else kind
    except OSError as error:
        raise ProblemError(404, f"'{name}' cannot be read: {error.strerror}.") from error


def _is_within(file: Path, folder: Path) -> bool:
    return file.is_relative_to(folder / PICTURE_FOLDERS[0])


def _reviewer(body: Mapping[str, object]) -> str:
    name = body.get("reviewer")
    name = on_one_line(name).strip() if isinstance(name, str) else ""
    if not 0 < len(name) <= _MAX_NAME:
        raise ProblemError(400, f"The reviewer needs a name of 1 to {_MAX_NAME} characters.")
    return name


async def _read_json(request: Request) -> Mapping[str, object]:
    # A page of another site can send other types without asking first.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise ProblemError(415, "Send JSON, with the header Content-Type: application/json.")
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > _MAX_BODY:
            raise ProblemError(413, f"The request has more than {_MAX_BODY} bytes.")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ProblemError(400, "The body is no JSON object.")
    return body
