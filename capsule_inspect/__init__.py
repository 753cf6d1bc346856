"""Find defects on medicinal capsules: which are defective, what the defect is, and where.

The public API is below; `docs/python.md` shows how to use it. Each name is imported when it is
first used, so `import capsule_inspect` is quick and needs no package of the `train` extra.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from capsule_inspect.dataset.problems import UnfitDataError
    from capsule_inspect.errors import (
        CapsuleInspectError,
        ClusterError,
        ConditionNotMetError,
        ConfigError,
        DataError,
        InterruptedRunError,
        MissingExtraError,
        ModelFileError,
        PartialFailureError,
        PictureError,
        UsageError,
    )
    from capsule_inspect.imaging.overlay import draw_overlay
    from capsule_inspect.imaging.read import read_picture
    from capsule_inspect.inference.inspector import Finding, Inspector, load
    from capsule_inspect.workflows.evaluate import evaluate
    from capsule_inspect.workflows.export import export
    from capsule_inspect.workflows.join import join
    from capsule_inspect.workflows.predict import predict
    from capsule_inspect.workflows.prepare import add_corrections, prepare
    from capsule_inspect.workflows.train import train
    from capsule_inspect.workflows.verify import verify

__version__ = "0.1.0"

__all__ = [
    "CapsuleInspectError",
    "ClusterError",
    "ConditionNotMetError",
    "ConfigError",
    "DataError",
    "Finding",
    "Inspector",
    "InterruptedRunError",
    "MissingExtraError",
    "ModelFileError",
    "PartialFailureError",
    "PictureError",
    "UnfitDataError",
    "UsageError",
    "add_corrections",
    "draw_overlay",
    "evaluate",
    "export",
    "join",
    "load",
    "predict",
    "prepare",
    "read_picture",
    "train",
    "verify",
]

_MODULES = {
    "Finding": "inference.inspector",
    "Inspector": "inference.inspector",
    "UnfitDataError": "dataset.problems",
    "add_corrections": "workflows.prepare",
    "draw_overlay": "imaging.overlay",
    "evaluate": "workflows.evaluate",
    "export": "workflows.export",
    "join": "workflows.join",
    "load": "inference.inspector",
    "predict": "workflows.predict",
    "prepare": "workflows.prepare",
    "read_picture": "imaging.read",
    "train": "workflows.train",
    "verify": "workflows.verify",
}
"""Where each name stands; errors that are not here stand in `errors`."""


def __getattr__(name: str) -> Any:
    """Imports a name of the public API (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'capsule_inspect' has no attribute {name!r}")
    module = import_module(f"capsule_inspect.{_MODULES.get(name, 'errors')}")
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
