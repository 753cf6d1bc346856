"""Send a model to the workers of a cluster, once to each, and see who can take part."""

import pydoc
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from capsule_inspect import __version__
from capsule_inspect.cluster.worker import Fitness, Order, examine_worker
from capsule_inspect.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

_Answer = TypeVar("_Answer")


def send_model(client: "Client", model: Path, order: Order) -> None:
    """Sends a model to all workers that do not hold it, also to those that come later.

    Args:
        client: The client of Dask.
        model: The file of the model.
        order: What the run asks for.

    Raises:
        ClusterError: The scheduler or a worker cannot take part in the run.
    """
    require_versions(client)
    examined = client.run(examine_worker, order, on_error="return")
    fitness = answers(examined, Fitness)
    for worker, each in fitness.items():
        if each.problem:
            raise ClusterError(f"The worker {worker} {each.problem}")
    if not all(each.has_model for each in fitness.values()):
        _register(client, model, order)


def require_versions(client: "Client") -> None:
    """Checks that the scheduler and all workers have this version of the package.

    Args:
        client: The client of Dask.

    Raises:
        ClusterError: One has another version, or none.
    """
    # A function of Python's own: who lacks this package could not even take another one.
    asked = pydoc.locate, "capsule_inspect.__version__"
    _require_version(
        f"The scheduler at {client.scheduler.address}", client.run_on_scheduler(*asked)
    )
    for worker, version in answers(client.run(*asked, on_error="return"), object).items():
        _require_version(f"The worker {worker}", version)


def _register(client: "Client", model: Path, order: Order) -> None:
    """Lets each worker write the file into its folder, now or when it comes.

    It stays with the scheduler, for others may use it. The plugin is Dask's own, so that workers
    without this package can still join.
    """
    from distributed.diagnostics.plugin import UploadFile

    plugin = UploadFile(str(model), load=False)
    plugin.filename = order.file_name
    client.register_plugin(plugin, name=order.file_name)


def answers(given: Mapping[str, object], kind: type[_Answer]) -> dict[str, _Answer]:
    """Returns the answers by worker, but for those of workers that were lost meanwhile.

    Args:
        given: What `Client.run` returned; errors are among it.
        kind: The type of an answer.

    Raises:
        ClusterError: A worker failed to answer for another reason.
    """
    found = {}
    for worker, answer in given.items():
        if isinstance(answer, Exception):
            if isinstance(answer, OSError):  # the worker is gone, and so are its tasks
                continue
            raise ClusterError(f"The worker {worker} cannot take part: {answer}.") from answer
        if isinstance(answer, kind):
            found[worker] = answer
    return found


def _require_version(name: str, version: object) -> None:
    """Refuses another version, also that of the scheduler, which unpacks each task."""
    if version != __version__:
        found = "no capsule-inspect" if version is None else f"capsule-inspect {version}"
        raise ClusterError(
            f"{name} has {found}, and this machine has capsule-inspect {__version__}. Install the "
            "same on both, or take it out of the cluster."
        )
