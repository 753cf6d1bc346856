"""Serve the inspector over HTTP."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from capsule_inspect.choices import DEFAULT_RUNTIME, SHIPPED_MODEL, RuntimeName
from capsule_inspect.errors import MissingExtraError
from capsule_inspect.files import StrPath
from capsule_inspect.inference.inspector import load
from capsule_inspect.serving.options import ServeOptions, make_tls_context
from capsule_inspect.workflows.info import describe_file

_PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


def serve(
    options: ServeOptions,
    *,
    model: StrPath = SHIPPED_MODEL,
    threshold: float | None = None,
    runtime: RuntimeName = DEFAULT_RUNTIME,
    on_ready: Callable[[str], None] = lambda _address: None,
) -> None:
    """Serves an HTTP API and a page until the process gets SIGINT or SIGTERM.

    Args:
        options: Where to listen, whom to serve, and the limits.
        model: A `.tflite` file; by default the one that ships.
        threshold: Replaces the file's own threshold, in [0, 1].
        runtime: What executes the model.
        on_ready: Called with the address once the server listens.

    Raises:
        MissingExtraError: A package of the `serve` extra is not installed.
        CapsuleInspectError: Options or model cannot be used.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"`serve` needs packages that the light install leaves out ({', '.join(missing)}). "
            "Run: pip install 'capsule-inspect[serve]'"
        )
    if options.tls_cert and options.tls_key:
        make_tls_context(options.tls_cert, options.tls_key)
    inspector = load(model, threshold=threshold, runtime=runtime)
    # As it is served: with another threshold, the rates to expect are not known.
    metadata = replace(inspector.metadata, operating_point=inspector.point)
    about_model = describe_file(Path(model), metadata, inspector.runtime).to_document()
    from capsule_inspect.serving.app import make_app
    from capsule_inspect.serving.server import run_server
    from capsule_inspect.serving.workers import Workers

    workers = Workers(options.jobs, options.queue)
    run_server(make_app(inspector, about_model, options, workers), options, workers, on_ready)
