"""An S3 API on this machine, behind a network that is slow and fails at times.

Usage: python benchmarks/slow_store.py LATENCY FAILING

It prints its address, and serves until it is ended. The store is that of moto.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer


class SlowNetwork:
    """Lets each request wait, and some of them fail, before the store answers.

    Args:
        store: The store, as WSGI has it.

    Attributes:
        latency: Seconds that each answer takes.
        failing: The share of requests that fail.
        requests: How many there were.
        failed: How many of them failed.
    """

    def __init__(self, store: Callable[..., Iterable[bytes]]) -> None:
        self._store, self._draw, self._lock = store, random.Random(1), threading.Lock()  # noqa: S311  (no secret)
        self.latency, self.failing = 0.0, 0.0
        self.requests, self.failed = 0, 0

    def __call__(
        self, environment: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answers a request."""
        time.sleep(self.latency)
        with self._lock:
            fails = self._draw.random() < self.failing
            self.requests += 1
            self.failed += fails
        if not fails:
            return self._store(environment, start_response)
        left = int(environment.get("CONTENT_LENGTH") or 0)
        environment["wsgi.input"].read(left)  # or the client cannot send it, and sees no answer
        start_response("503 Slow Down", [("Content-Length", "0")])
        return [b""]


@contextmanager
def serving() -> Iterator[tuple[SlowNetwork, str]]:
    """Starts the store; yields the network before it and its address."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    network = SlowNetwork(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, network, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield network, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main(
    latency: Annotated[float, typer.Argument()] = 0.2,
    failing: Annotated[float, typer.Argument()] = 0.05,
) -> None:
    """Serves until the process is ended."""
    with serving() as (network, address):
        network.latency, network.failing = latency, failing
        print(address, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    typer.run(main)
