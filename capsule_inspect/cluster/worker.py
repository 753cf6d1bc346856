"""What a worker of the cluster does: load the model once, and inspect a few pictures a task."""

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from capsule_inspect import __version__
from capsule_inspect.choices import RuntimeName
from capsule_inspect.errors import CapsuleInspectError, ClusterError
from capsule_inspect.files import hash_file
from capsule_inspect.inference.inputs import InputPicture
from capsule_inspect.inference.inspect_picture import InspectOptions
from capsule_inspect.inference.inspector import Inspector, load
from capsule_inspect.inference.picture_results import PictureResults, inspect_one
from capsule_inspect.modelfile.runtime import choose_runtime

Stack = tuple[tuple[str, str], ...]
"""What the bytes of results depend on, besides model and options: names and versions."""


@dataclass(frozen=True)
class Order:
    """What all tasks of a run have in common.

    Attributes:
        sha256: SHA-256 of the model's file, which lies in the folder of each worker.
        threshold: Replaces the threshold of the file, in [0, 1].
        runtime: What executes the model.
        threads: How many threads it may use for each capsule.
        stack: What the client has installed; every worker must have the same.
        options: What to make besides the rows.
    """

    sha256: str
    threshold: float | None
    runtime: RuntimeName
    threads: int
    stack: Stack
    options: InspectOptions

    @property
    def file_name(self) -> str:
        """The name of the model's file in the folder of a worker."""
        return f"capsule-inspect-{self.sha256}.tflite"


@cache
def installed_stack(runtime: RuntimeName) -> Stack:
    """Returns what is installed here.

    Args:
        runtime: The runtime that is asked for.

    Raises:
        MissingExtraError: It is not installed, or cannot work in this installation.
    """
    import cv2
    import numpy as np

    _, with_version = choose_runtime(runtime)
    name, _, version = with_version.partition(" ")
    return (
        ("capsule-inspect", __version__),
        (name, version),
        ("NumPy", np.__version__),
        ("OpenCV", cv2.__version__),
    )


@dataclass(frozen=True)
class Fitness:
    """Whether a worker can take part in a run.

    Attributes:
        has_model: Whether the model's file lies there, unaltered.
        problem: Why it cannot, as the rest of a sentence that begins with its name; empty if it
            can.
    """

    has_model: bool
    problem: str = ""


def examine_worker(order: Order, dask_worker: Any) -> Fitness:
    """Tells whether this process can take part in a run; called on each worker before the work.

    Args:
        order: What the run asks for.
        dask_worker: The worker; Dask fills in this argument by its name.
    """
    return Fitness(_holds_model(_model_file(order, dask_worker), order.sha256), _problem(order))


def inspect_chunk(order: Order, pictures: Sequence[InputPicture]) -> list[PictureResults]:
    """Inspects a few pictures; this is a task of the cluster.

    Args:
        order: What all tasks have in common.
        pictures: The pictures.

    Returns:
        Their results in the same order, with overlay and mask.

    Raises:
        ClusterError: This worker cannot take part in the run.
    """
    inspector = _inspector(order)
    results = (inspect_one(inspector, picture, order.options) for picture in pictures)
    # Findings hold whole crops, and no file is made of them.
    return [replace(each, inspected=replace(each.inspected, findings=())) for each in results]


_ONE_LOADS = Lock()


def _inspector(order: Order) -> Inspector:
    from distributed import get_worker

    worker = get_worker()
    problem = _problem(order)
    if problem:
        raise ClusterError(f"The worker {worker.address} {problem}")
    file = _model_file(order, worker)
    with _ONE_LOADS:
        try:
            return _load(file, order.sha256, order.threshold, order.runtime, order.threads)
        except CapsuleInspectError as error:
            raise ClusterError(
                f"The worker {worker.address} cannot use the model: {error}"
            ) from error


@lru_cache(maxsize=2)
def _load(
    file: Path, sha256: str, threshold: float | None, runtime: RuntimeName, threads: int
) -> Inspector:
    """Loads the model at its first use; each thread of the worker gets a network of its own."""
    _keep_memory()
    if not _holds_model(file, sha256):
        raise ClusterError("it is not in the worker's folder, or altered there.")
    return load(file, threshold=threshold, runtime=runtime, threads=threads)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt(3), by their numbers in malloc.h."""


def _keep_memory() -> None:
    """Lets this process reuse the memory of pictures, as any other process does.

    Dask tells its workers to give memory back at once (MALLOC_TRIM_THRESHOLD_). Then every picture
    is written to pages that the system has to clear first, which takes a fifth of the time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:  # other C libraries than glibc lack it, and need it not
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 64 << 20)


def _model_file(order: Order, worker: Any) -> Path:
    return Path(worker.local_directory, order.file_name)


def _holds_model(file: Path, sha256: str) -> bool:
    return file.is_file() and hash_file(file) == sha256


def _problem(order: Order) -> str:
    """Returns why this process cannot take part, as the rest of a sentence; empty if it can."""
    try:
        own = installed_stack(order.runtime)
    except CapsuleInspectError as error:
        return f"cannot run the model. {error}"
    for (name, version), (wanted, wanted_version) in zip(own, order.stack, strict=True):
        if (name, version) != (wanted, wanted_version):
            return (
                f"has {name} {version}, and this machine has {wanted} {wanted_version}. Install "
                "the same on both, or take the worker out of the cluster."
            )
    return ""
