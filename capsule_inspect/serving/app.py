"""The application: its routes, and the document that describes them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from capsule_inspect import __version__
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.serving import reference
from capsule_inspect.serving.answers import MaskForm
from capsule_inspect.serving.guard import Guard
from capsule_inspect.serving.inspections import Inspections, Wish
from capsule_inspect.serving.metrics import CONTENT_TYPE, Metrics
from capsule_inspect.serving.options import ServeOptions
from capsule_inspect.serving.problems import ProblemError, problem_response, server_failed
from capsule_inspect.serving.uploads import Intake
from capsule_inspect.serving.workers import Workers
from capsule_inspect.text import printable

_PAGE: Final = Path(str(files("capsule_inspect.serving") / "page"))

_ASK_AGAIN: Final = {"Cache-Control": "no-cache"}

_REQUESTS_HELD: Final = 4
"""How many requests of the largest size the server holds; of smaller ones, as many more."""


def make_app(
    inspector: Inspector, about_model: Mapping[str, Any], options: ServeOptions, workers: Workers
) -> ASGIApp:
    """Makes the application.

    Args:
        inspector: Judges the pictures.
        about_model: What `/v1/model` says.
        options: Limits and the rules of access.
        workers: The threads and the queue; closed at the end.
    """
    metrics = Metrics(inspector, workers)
    intake = Intake(_REQUESTS_HELD * options.max_bytes)
    inspections = Inspections(inspector, workers, metrics, options, intake)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()

    app = FastAPI(
        title="capsule-inspect",
        summary="Find defects on medicinal capsules: which are defective, what, and where.",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        servers=[{"url": options.root_path or "/"}],
    )
    _add_pages(app)
    # The guard checks the token; this has the document say so.
    access = [Security(HTTPBearer(auto_error=False))] if options.token else []
    _add_probes(app, workers, metrics, access)
    _add_api(app, inspections, about_model, access)
    for kind in (ProblemError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _answer_error)
    return Guard(app, options, metrics)


def _add_pages(app: FastAPI) -> None:
    app.mount("/static", _FreshFiles(directory=_PAGE / "static"))

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return FileResponse(_PAGE / "index.html", headers=_ASK_AGAIN)

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return Response(reference.render(app.openapi()), media_type="text/html")

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, Any]:
        return app.openapi()


class _FreshFiles(StaticFiles):
    """Files that a browser asks for again, so that it never mixes those of two versions."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers.update(_ASK_AGAIN)
        return response


def _add_probes(
    app: FastAPI, workers: Workers, metrics: Metrics, access: Sequence[Depends]
) -> None:
    @app.get("/health/live", tags=["Health"], responses=reference.responses())
    async def live() -> reference.Health:
        """Tells that the process answers."""
        return reference.Health(status="live")

    @app.get("/health/ready", tags=["Health"], responses=reference.responses(503))
    async def ready() -> reference.Health:
        """Tells whether requests are taken: 503 while the server shuts down."""
        if workers.is_draining:
            raise ProblemError(503, "The server is shutting down.", {"Retry-After": "5"})
        return reference.Health(status="ready")

    @app.get(
        "/metrics",
        dependencies=access,
        tags=["Health"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **reference.responses(401)},
    )
    async def metrics_page() -> Response:
        """Returns the metrics in Prometheus's text format."""
        return Response(metrics.write(), media_type=CONTENT_TYPE)


def _add_api(
    app: FastAPI,
    inspections: Inspections,
    about_model: Mapping[str, Any],
    access: Sequence[Depends],
) -> None:
    @app.get(
        "/v1/model",
        dependencies=access,
        tags=["Inspection"],
        responses=reference.responses(401),
    )
    async def model() -> dict[str, Any]:
        """Describes the model as served: what `capsule-inspect info --json` says of it."""
        return dict(about_model)

    @app.post(
        "/v1/inspect",
        dependencies=access,
        tags=["Inspection"],
        response_class=Response,
        openapi_extra=reference.INSPECT_BODY,
        responses={
            **reference.INSPECT_ANSWER,
            **reference.responses(400, 401, 403, 406, 408, 413, 415, 422, 503),
        },
    )
    async def inspect(
        request: Request,
        threshold: Annotated[
            float | None,
            Query(ge=0, le=1, allow_inf_nan=False, description="Replaces the model's threshold."),
        ] = None,
        mask: Annotated[
            MaskForm,
            Query(description="Masks with a JSON answer: PNG files, or run lengths per row."),
        ] = "none",
        overlay: Annotated[
            bool, Query(description="Whether overlays come with a JSON answer.")
        ] = False,
        name: Annotated[
            str | None,
            Query(max_length=1024, description="The name of a picture sent as the body."),
        ] = None,
    ) -> Response:
        """Inspects pictures.

        Send one picture as the body, or several as the files of a form. Each capsule gets a row,
        and so does each picture that shows none or cannot be read.
        """
        del name  # read where the body is
        return await inspections.answer(request, Wish(threshold, mask, overlay))


async def _answer_error(request: Request, error: Exception) -> Response:
    request_id = request.state.request_id
    if isinstance(error, HTTPException):
        path = printable(request.scope["path"])
        error = ProblemError(
            error.status_code,
            f"{request.method} {path}: {error.detail}. See /docs.",
            error.headers or {},
        )
    elif isinstance(error, RequestValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        error = ProblemError(400, f"The parameter {place}: {first['msg']}. See /docs.")
    elif not isinstance(error, ProblemError):
        error = server_failed(request_id)
    return problem_response(error, request_id)
