"""Inspections: from the uploads of a request to the answer in the form the client wants."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, aclosing
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from capsule_inspect.choices import DEFAULT_OVERLAY_FORMAT
from capsule_inspect.imaging.rle import RunLengths, encode_runs
from capsule_inspect.inference.decide import override_threshold
from capsule_inspect.inference.inspect_picture import InspectOptions, inspect_input
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.serving.answers import (
    CSV,
    JSON,
    NDJSON,
    PICTURES,
    Answered,
    MaskForm,
    as_csv,
    as_json,
    as_ndjson,
    choose_media_type,
    require_readable,
)
from capsule_inspect.serving.metrics import Metrics
from capsule_inspect.serving.options import ServeOptions
from capsule_inspect.serving.problems import ClientGoneError, ProblemError
from capsule_inspect.serving.uploads import Intake, Upload, receive_uploads
from capsule_inspect.serving.workers import Workers

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Wish:
    """What a client wants of its pictures.

    Attributes:
        threshold: Replaces the model's threshold; None keeps it.
        mask: How masks come.
        overlay: Whether overlays come with a JSON answer.
    """

    threshold: float | None = None
    mask: MaskForm = "none"
    overlay: bool = False


@dataclass(frozen=True)
class Inspections:
    """Answers requests to inspect pictures.

    Attributes:
        inspector: Judges the pictures, from several threads.
        workers: The threads and the queue.
        metrics: Counts pictures and the seconds of each stage.
        options: The limits of a request.
        intake: Bounds what all requests hold.
    """

    inspector: Inspector
    workers: Workers
    metrics: Metrics
    options: ServeOptions
    intake: Intake

    async def answer(self, request: Request, wish: Wish) -> Response:
        """Receives pictures, inspects them, and answers.

        Raises:
            ProblemError: The request cannot be answered.
            ClientGoneError: The client left.
        """
        media_type = choose_media_type(", ".join(request.headers.getlist("accept")))
        self.workers.require_room()  # before anything is read
        point = override_threshold(self.inspector.point, wish.threshold)
        inspector = replace(self.inspector, point=point)
        with ExitStack() as held:
            take = held.enter_context(self.intake.hold())
            with self.metrics.stage("receive"):
                uploads = await receive_uploads(request, self.options, take)
            held.callback(_close, uploads)
            _require_one(uploads, media_type)
            held.enter_context(self.workers.place())
            request.state.facts = {"pictures": len(uploads)}
            draws = self._options(media_type, wish)
            work = partial(_inspect, inspector, draws, wish.mask == "rle")
            if media_type == NDJSON and len(uploads) > 1:
                rows = self._stream(work, uploads, inspector)
                return _HoldingResponse(rows, held.pop_all(), media_type)
            collecting = self._collect(work, uploads, media_type in PICTURES)
            answers = await _unless_gone(request, collecting)
        with self.metrics.stage("answer"):
            require_readable(answers)
            respond = partial(_respond, answers, inspector, media_type, wish)
            if sum(answered.size for answered in answers) < _QUICK_BYTES:
                return respond()
            return await self.workers.run(respond)

    def _options(self, media_type: str, wish: Wish) -> InspectOptions:
        draws = media_type in PICTURES or (media_type == JSON and wish.overlay)
        return InspectOptions(
            overlays="all" if draws else "none",
            overlay_format=PICTURES.get(media_type, DEFAULT_OVERLAY_FORMAT),
            masks=media_type == JSON and wish.mask == "png",
            max_pixels=self.options.max_pixels,
            bits=self.options.bits,
        )

    async def _collect(
        self, work: "_Work", uploads: Sequence[Upload], is_file: bool
    ) -> list[Answered]:
        answers: list[Answered] = []
        left = self.options.max_bytes
        async with aclosing(self.workers.map(work, _stamped(uploads))) as done:
            async for answered in done:
                self._count(answered)
                answers.append(answered)
                left -= answered.size
                if left < 0 and not is_file:
                    raise ProblemError(
                        413,
                        "The answer would have more than "
                        f"{self.options.max_bytes / 1e6:g} MB. Send fewer pictures, or do without "
                        "overlays and masks.",
                    )
        return answers

    async def _stream(
        self, work: "_Work", uploads: Sequence[Upload], inspector: Inspector
    ) -> AsyncGenerator[bytes, None]:
        async with aclosing(self.workers.map(work, _stamped(uploads))) as answers:
            async for answered in answers:
                self._count(answered)
                yield as_ndjson(answered, inspector)

    def _count(self, answered: Answered) -> None:
        self.metrics.count_picture(answered.inspected)
        self.metrics.observe_stage("wait", answered.waited)
        self.metrics.observe_stage("inspect", answered.took)


_Work = Callable[[tuple[Upload, float]], Answered]


def _stamped(uploads: Sequence[Upload]) -> Iterator[tuple[Upload, float]]:
    return ((upload, perf_counter()) for upload in uploads)


def _inspect(
    inspector: Inspector, options: InspectOptions, with_runs: bool, item: tuple[Upload, float]
) -> Answered:
    """Inspects an upload; runs in a thread."""
    upload, queued = item
    start = perf_counter()
    inspected = inspect_input(inspector, upload, options)
    runs: tuple[RunLengths | None, ...] = ()
    if with_runs:
        masks = (finding.mask for finding in inspected.findings)
        runs = tuple(None if mask is None else encode_runs(mask) for mask in masks) or (None,)
    kept = replace(inspected, findings=())
    return Answered(kept, runs, waited=start - queued, took=perf_counter() - start)


def _respond(
    answers: Sequence[Answered], inspector: Inspector, media_type: str, wish: Wish
) -> Response:
    if media_type in PICTURES:
        content = answers[0].inspected.overlay
        if content is None:  # too large for the format
            raise ProblemError(422, answers[0].records[0].warning)
    elif media_type == NDJSON:
        content = as_ndjson(answers[0], inspector)
    elif media_type == CSV:
        content = as_csv(answers, inspector)
    else:
        content = as_json(answers, inspector, wish.mask == "rle")
    return Response(content, media_type=media_type, headers=_UNCACHED)


_QUICK_BYTES: Final = 500_000
"""Larger answers are written in a thread, so that nobody else waits for that."""

_UNCACHED = {"Cache-Control": "no-store", "Vary": "Accept"}


class _HoldingResponse(StreamingResponse):
    """A stream that holds a place and its uploads to its end, however it ends."""

    def __init__(
        self, rows: AsyncGenerator[bytes, None], held: AbstractContextManager[Any], media_type: str
    ) -> None:
        super().__init__(rows, media_type=media_type, headers=_UNCACHED)
        self._rows = rows
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            async with aclosing(self._rows):
                await super().__call__(scope, receive, send)


def _require_one(uploads: Sequence[Upload], media_type: str) -> None:
    if media_type in PICTURES and len(uploads) > 1:
        raise ProblemError(
            400, f"Only one picture can be answered as {media_type}; send one, or accept {JSON}."
        )


def _close(uploads: Sequence[Upload]) -> None:
    for upload in uploads:
        upload.content.file.close()


async def _unless_gone(request: Request, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Awaits work; gives it up when the client leaves.

    Raises:
        ClientGoneError: The client left before it was done.
    """
    doing = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientGoneError
        return doing.result()
    finally:
        doing.cancel()
        leaving.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
