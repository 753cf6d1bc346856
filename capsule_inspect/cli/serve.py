"""`capsule-inspect serve`: answer over HTTP, with a page for people."""

from pathlib import Path
from typing import Annotated

import typer

from capsule_inspect.choices import DEFAULT_RUNTIME
from capsule_inspect.cli.options import (
    NETWORK,
    Bits,
    Host,
    Model,
    ModelRuntime,
    NoToken,
    Port,
    Threshold,
    TokenFile,
    jobs_option,
)
from capsule_inspect.errors import UsageError
from capsule_inspect.serving.options import (
    DEFAULT_HOST,
    DEFAULT_LOG_FORMAT,
    DEFAULT_MAX_MB,
    DEFAULT_MAX_MEGAPIXELS,
    DEFAULT_PORT,
    DEFAULT_QUEUE,
    DEFAULT_TIMEOUT,
    LogFormat,
    ServeOptions,
    read_token,
    require_access_rule,
)

_LIMITS = "Limits"


def serve(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    token_file: TokenFile = None,
    no_token: NoToken = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name of this machine that a reverse proxy passes on; give it once for each.",
            show_default=False,
            rich_help_panel=NETWORK,
        ),
    ] = None,
    root_path: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="The path under which a reverse proxy shows the server, such as /capsules.",
            show_default=False,
            rich_help_panel=NETWORK,
        ),
    ] = "",
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            help="A certificate in PEM, to serve HTTPS.",
            show_default=False,
            rich_help_panel=NETWORK,
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(help="Its key.", show_default=False, rich_help_panel=NETWORK),
    ] = None,
    model: Model = None,
    threshold: Threshold = None,
    runtime: ModelRuntime = DEFAULT_RUNTIME,
    jobs: Annotated[int | None, jobs_option("one per core")] = None,
    queue: Annotated[
        int,
        typer.Option(
            min=0,
            help="Requests that may wait beside those in work; more are refused.",
            rich_help_panel=_LIMITS,
        ),
    ] = DEFAULT_QUEUE,
    max_mb: Annotated[
        float, typer.Option(help="The most megabytes of a request.", rich_help_panel=_LIMITS)
    ] = DEFAULT_MAX_MB,
    max_megapixels: Annotated[
        float,
        typer.Option(
            help="Larger pictures are refused before they are decoded.", rich_help_panel=_LIMITS
        ),
    ] = DEFAULT_MAX_MEGAPIXELS,
    bits: Bits = None,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="How long a client may take to send a request, and the server to shut down.",
            rich_help_panel=_LIMITS,
        ),
    ] = DEFAULT_TIMEOUT,
    log_format: Annotated[
        LogFormat, typer.Option(help="Lines for people, or one JSON object a line.")
    ] = DEFAULT_LOG_FORMAT,
) -> None:
    """Answer over HTTP: an API for programs, a page for people.

    Open the address that it prints. /docs describes the API. SIGTERM and Ctrl-C finish what has
    begun.

    Examples:
        capsule-inspect serve --port 8080
        capsule-inspect serve --host 0.0.0.0 --token-file token.txt --jobs 2
    """
    require_access_rule(host, token_file is not None, no_token)
    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key belong together. Give both.")
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.workflows import serve as workflow
    from capsule_inspect.workflows.predict import default_jobs

    options = ServeOptions(
        host=host,
        port=port,
        token=None if token_file is None else read_token(token_file),
        jobs=default_jobs(1) if jobs is None else jobs,
        queue=queue,
        max_mb=max_mb,
        max_megapixels=max_megapixels,
        bits=bits,
        timeout=timeout,
        root_path=root_path,
        allowed_hosts=tuple(allow_host or ()),
        log_format=log_format,
        tls_cert=tls_cert,
        tls_key=tls_key,
    )
    terminal = Terminal()

    def announce(address: str) -> None:
        if log_format == "text":  # the log says it as JSON
            terminal.say(f"Ready: {address}")

    more = {} if model is None else {"model": model}
    workflow.serve(
        options,
        threshold=threshold,
        runtime=runtime,
        on_ready=announce,
        **more,
    )
