import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from describe_model import describe_model

from capsule_inspect.errors import MissingExtraError, ModelFileError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.bundle import ModelBundle, pack_bundle, read_bundle, write_bundle
from capsule_inspect.modelfile.known_answer import describe_processor, draw_test_picture
from capsule_inspect.modelfile.metadata import TrainingStatistics
from capsule_inspect.modelfile.runtime import (
    FEATURES,
    LOGITS,
    MASK_LOGITS,
    Interpreter,
    InterpreterPool,
    Outputs,
    Scale,
    _check_interface,
    choose_runtime,
    with_version,
    without_info_lines,
)

NUMPY_2 = int(np.__version__.split(".")[0]) >= 2
MODULES = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}
USABLE = [
    name
    for name, module in MODULES.items()
    if importlib.util.find_spec(module) and not (NUMPY_2 and name == "tflite-runtime")
]


@pytest.fixture(params=USABLE)
def runtime(request):
    return request.param


@pytest.fixture
def bundle(tiny, metadata):
    return ModelBundle(tiny, metadata, "m.tflite")


def colour(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((16, 48, 3), (red, green, blue), np.uint8)


# The fixture's map: good = (R - 128) / 64, crack = (G - 128) / 64, scratch = (B - G) / 64.
def test_outputs_of_one_colour(bundle, runtime):
    outputs = Interpreter(bundle, runtime).run(colour(192, 64, 96))
    assert outputs.logits.dtype == np.float32
    np.testing.assert_allclose(outputs.logits, [1.0, -1.0, 0.5], atol=1e-5)
    assert outputs.mask_logits.dtype == np.float32
    assert outputs.mask_logits.shape == (8, 24, 3)
    np.testing.assert_allclose(
        outputs.mask_logits, np.tile([1.0, -1.0, 0.5], (8, 24, 1)), atol=1e-5
    )


def test_each_output_comes_from_its_place_and_channel(bundle, runtime):
    image = colour(128, 128, 128)
    image[4:6, 10:12] = (128, 192, 128)  # block (2, 5) of the mask: crack +1, scratch -1
    outputs = Interpreter(bundle, runtime).run(image)
    expected = np.zeros((8, 24, 3))
    expected[2, 5] = (0, 1, -1)
    np.testing.assert_allclose(outputs.mask_logits, expected, atol=1e-5)
    np.testing.assert_allclose(outputs.logits, [0, 1 / 192, -1 / 192], atol=1e-5)


def test_a_view_gives_what_its_copy_gives(bundle, runtime):
    interpreter = Interpreter(bundle, runtime)
    image = np.random.default_rng(3).integers(0, 256, (16, 48, 3), np.uint8)
    view = image[:, ::-1, ::-1]
    np.testing.assert_array_equal(
        interpreter.run(view).mask_logits, interpreter.run(view.copy()).mask_logits
    )


def test_results_outlive_later_runs(bundle, runtime):
    interpreter = Interpreter(bundle, runtime)
    first = interpreter.run(colour(192, 64, 96))
    interpreter.run(colour(0, 0, 0))
    del interpreter
    np.testing.assert_allclose(first.logits, [1.0, -1.0, 0.5], atol=1e-5)
    np.testing.assert_allclose(first.mask_logits[7, 23], [1.0, -1.0, 0.5], atol=1e-5)


def test_a_model_without_a_mask(tiny_label_only, metadata, runtime):
    bundle = ModelBundle(
        tiny_label_only,
        describe_model(tiny_label_only, classes=metadata.classes, roi=metadata.roi),
    )
    outputs = Interpreter(bundle, runtime, threads=2).run(colour(192, 64, 96))
    np.testing.assert_allclose(outputs.logits, [1.0, -1.0, 0.5], atol=1e-5)
    assert outputs.mask_logits is None


def test_the_runtime_tells_its_name_and_version(bundle, runtime):
    name, version = Interpreter(bundle, runtime).runtime.split(" ")
    assert name == runtime
    assert version.split(".")[0].isdigit()


def test_auto_prefers_ai_edge_litert(bundle):
    assert Interpreter(bundle).runtime.startswith(USABLE[0])


def test_the_runtime_loads_the_whole_file_by_path_and_from_memory(
    tmp_path, tiny, metadata, runtime
):
    path = tmp_path / "model.tflite"
    write_bundle(path, tiny, metadata)
    raw = importlib.import_module(f"{MODULES[runtime]}.interpreter").Interpreter
    for interpreter in (
        raw(model_path=str(path)),
        raw(model_content=pack_bundle(tiny, metadata)),
    ):
        results = interpreter.get_signature_runner()(image=colour(192, 64, 96)[None])
        np.testing.assert_allclose(results["logits"], [[1.0, -1.0, 0.5]], atol=1e-5)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((48, 16, 3), np.uint8),
        np.zeros((1, 16, 48, 3), np.uint8),
        np.zeros((16, 48), np.uint8),
        np.zeros((16, 48, 3), np.float32),
        np.zeros((16, 48, 3), np.int8),
    ],
)
def test_a_wrong_image_is_a_programming_error(bundle, runtime, image):
    with pytest.raises(ValueError, match=r"not uint8 \(16, 48, 3\)"):
        Interpreter(bundle, runtime).run(image)


def test_no_threads_is_a_programming_error(bundle, runtime):
    with pytest.raises(ValueError, match="at least 1"):
        Interpreter(bundle, runtime, threads=0)


@pytest.mark.parametrize(
    ("changes", "found", "expected"),
    [
        (
            {"roi": Roi("whole", 64, 16, 40)},
            "image uint8 [1, 16, 48, 3]",
            "image uint8 [1, 16, 64, 3]",
        ),
        (
            {"classes": ("good", "crack")},
            "logits float32 [1, 3] and mask_logits float32 [1, 8, 24, 3]",
            "logits float32 [1, 2] and mask_logits float32 [1, 8, 24, 2]",
        ),
        (
            {"training_statistics": TrainingStatistics((1.0, 2.0), (1.0, 1.0), 9.0, ())},
            "logits float32 [1, 3] and mask_logits float32 [1, 8, 24, 3]",
            "features float32 [1, 2] and logits float32 [1, 3] and mask_logits",
        ),
    ],
)
def test_metadata_of_another_geometry_is_refused(bundle, runtime, changes, found, expected):
    wrong = replace(bundle, metadata=replace(bundle.metadata, **changes))
    with pytest.raises(ModelFileError) as caught:
        Interpreter(wrong, runtime)
    message = str(caught.value)
    assert message.startswith(f"m.tflite has the {'input' if 'roi' in changes else 'output'}")
    assert (
        message.index(found)
        < message.index("by its metadata it must have")
        < message.index(expected)
    )


@pytest.mark.parametrize(
    ("name", "other"), [(b"image", b"picto"), (b"\0logits", b"\0labels"), (b"mask_", b"musk_")]
)
def test_other_names_are_refused(bundle, runtime, name, other):
    assert name in bundle.flatbuffer
    renamed = replace(bundle, flatbuffer=bundle.flatbuffer.replace(name, other))
    with pytest.raises(ModelFileError, match=other.decode().strip("\0")):
        Interpreter(renamed, runtime)


def test_a_model_of_several_signatures_or_none_is_refused(bundle, runtime, monkeypatch):
    raw = importlib.import_module(f"{MODULES[runtime]}.interpreter").Interpreter
    for names, count in (((), 0), (("a", "b"), 2)):
        monkeypatch.setattr(raw, "get_signature_list", lambda _, names=names: dict.fromkeys(names))
        with pytest.raises(ModelFileError, match=f"m.tflite has {count} signatures instead of 1"):
            Interpreter(bundle, runtime)


def test_what_the_runtime_cannot_execute_is_refused(bundle, runtime):
    data = bytearray(bundle.flatbuffer)
    # The schema's version, 3, is the first field of the flatbuffer's root table.
    (root,) = struct.unpack_from("<I", data, 0)
    (vtable_distance,) = struct.unpack_from("<i", data, root)
    (field_offset,) = struct.unpack_from("<H", data, root - vtable_distance + 4)
    assert data[root + field_offset] == 3
    data[root + field_offset] = 9
    with pytest.raises(ModelFileError, match=rf"^{runtime} .* cannot run m\.tflite .*9"):
        Interpreter(replace(bundle, flatbuffer=bytes(data)), runtime)


@pytest.fixture
def asked(monkeypatch, runtime) -> list[np.ndarray]:
    """The pictures that the runtime is asked about, at the door of its C++ code."""
    pictures = []
    runner = importlib.import_module(f"{MODULES[runtime]}.interpreter").SignatureRunner
    answer = runner.__call__

    def record(self, image):
        pictures.append(image)
        return answer(self, image=image)

    monkeypatch.setattr(runner, "__call__", record)
    return pictures


def test_the_known_answer_is_asked_once_for_each_interpreter(bundle, runtime, asked):
    for count in (1, 2):
        interpreter = Interpreter(bundle, runtime)
        assert len(asked) == count
        assert np.array_equal(asked[-1][0], draw_test_picture(48, 16, 1))
    interpreter.run(colour(1, 2, 3))
    assert len(asked) == 3
    without = replace(bundle, metadata=replace(bundle.metadata, known_answer=None))
    Interpreter(without, runtime)
    assert len(asked) == 3


def test_a_runtime_that_computes_wrongly_is_refused_by_name(bundle, runtime, monkeypatch):
    runner = importlib.import_module(f"{MODULES[runtime]}.interpreter").SignatureRunner
    answer = runner.__call__

    def swap_classes(self, image):
        outputs = answer(self, image=image)
        return outputs | {"logits": outputs["logits"][:, [1, 0, 2]]}

    right = Interpreter(bundle, runtime)
    monkeypatch.setattr(runner, "__call__", swap_classes)
    with pytest.raises(ModelFileError) as caught:
        Interpreter(bundle, runtime)
    message = str(caught.value)
    assert message.startswith(f"{right.runtime} on {describe_processor()} computes m.tflite wrong")
    assert "`logits` is " in message
    assert "`mask_logits` is " not in message


def test_a_changed_weight_in_a_file_that_is_whole_is_refused(tmp_path, tiny, metadata, runtime):
    """The file is whole by its own SHA-256, and yet another network."""
    weight = struct.pack("<f", 1 / 64)
    assert weight in tiny
    changed = tiny.replace(weight, struct.pack("<f", 1 / 32), 1)
    sha256 = hashlib.sha256(changed).hexdigest()
    write_bundle(tmp_path / "m.tflite", changed, replace(metadata, flatbuffer_sha256=sha256))
    with pytest.raises(ModelFileError, match=r"m\.tflite' wrongly: .*logits` is .* steps from"):
        Interpreter(read_bundle(tmp_path / "m.tflite"), runtime)


@pytest.mark.parametrize("kernels", ["BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF"])
def test_other_kernels_compute_the_same(bundle, runtime, kernels):
    interpreter = Interpreter(bundle, runtime, kernels=kernels)
    assert interpreter.run(colour(192, 64, 96)).logits == pytest.approx([1.0, -1.0, 0.5], abs=1e-5)
    assert interpreter.output_scales() == {}  # all in float32


def test_the_range_of_an_int8_output():
    # Zero is stored as 28, so that -156 steps are left below and 99 above.
    assert Scale.of(0.5, 28) == Scale(0.5, -78.0, 49.5)


def test_loading_and_running_prints_nothing(tmp_path, tiny, metadata, runtime):
    """In a process of its own, since a runtime may announce itself once only."""
    path = tmp_path / "model.tflite"
    write_bundle(path, tiny, metadata)
    program = (
        "import sys, pathlib, numpy\n"
        "from capsule_inspect.modelfile.bundle import read_bundle\n"
        "from capsule_inspect.modelfile.runtime import Interpreter\n"
        "bundle = read_bundle(pathlib.Path(sys.argv[1]))\n"
        "Interpreter(bundle, sys.argv[2]).run(numpy.zeros((16, 48, 3), numpy.uint8))\n"
        "assert not {'tensorflow', 'keras', 'hydra', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), runtime],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def pooled_bundle(tiny_model):
    return read_bundle(tiny_model)


@pytest.fixture
def made(monkeypatch) -> list[Interpreter]:
    """The interpreters that pools have made."""
    interpreters = []

    def make(*arguments):
        interpreters.append(Interpreter(*arguments))
        return interpreters[-1]

    monkeypatch.setattr("capsule_inspect.modelfile.runtime.Interpreter", make)
    return interpreters


def test_threads_get_what_one_interpreter_gives(pooled_bundle, made):
    windows = np.random.default_rng(0).integers(0, 256, (40, 16, 48, 3), dtype=np.uint8)
    alone, pool = (
        Interpreter(pooled_bundle),
        InterpreterPool(pooled_bundle),
    )
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(pool.run, windows))
    assert 1 <= len(made) <= 4
    for window, outputs in zip(windows, together, strict=True):
        expected = alone.run(window)
        assert np.array_equal(outputs.logits, expected.logits)
        assert np.array_equal(outputs.mask_logits, expected.mask_logits)


def test_it_names_its_runtime(pooled_bundle):
    assert InterpreterPool(pooled_bundle).runtime == Interpreter(pooled_bundle).runtime


def test_an_impossible_number_of_threads_is_refused_at_once(pooled_bundle):
    with pytest.raises(ValueError, match="threads"):
        InterpreterPool(pooled_bundle, threads=0)


def test_what_runs_one_after_another_shares_an_interpreter_even_after_a_failure(
    pooled_bundle, made
):
    pool = InterpreterPool(pooled_bundle)
    with pytest.raises(ValueError, match="image"):
        pool.run(np.zeros((1, 1, 3), np.uint8))
    for _ in range(3):
        assert pool.run(np.zeros((16, 48, 3), np.uint8)).logits.shape == (3,)
    assert len(made) == 1


@pytest.mark.skipif(not importlib.util.find_spec("ai_edge_litert"), reason="needs ai-edge-litert")
def test_the_automatic_choice_is_ai_edge_litert():
    interpreter_class, name = choose_runtime("auto")
    assert interpreter_class.__module__.startswith("ai_edge_litert")
    assert name.startswith("ai-edge-litert ")


def hide(monkeypatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{module}.interpreter", None)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("ai-edge-litert", "pip install ai-edge-litert"),
        ("tflite-runtime", "pip install 'capsule-inspect[tflite-runtime]'"),
    ],
)
def test_a_runtime_that_is_not_installed_names_its_command(monkeypatch, name, command):
    hide(monkeypatch, MODULES[name])
    with pytest.raises(MissingExtraError) as caught:
        choose_runtime(name)
    assert f"`{command}`" in str(caught.value)


def test_auto_without_any_runtime_names_both_commands(monkeypatch):
    hide(monkeypatch, "ai_edge_litert")
    hide(monkeypatch, "tflite_runtime")
    with pytest.raises(MissingExtraError, match=r"ai-edge-litert.*capsule-inspect\[tflite"):
        choose_runtime("auto")


@pytest.fixture
def broken_package(tmp_path, monkeypatch):
    """Installs a package under a runtime's name that cannot be imported."""

    def install(module: str) -> None:
        folder = tmp_path / module
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "interpreter.py").write_text("raise ImportError('GLIBC_2.99 not found')")
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.delitem(sys.modules, f"{module}.interpreter", raising=False)
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def test_a_runtime_that_does_not_start_says_why(broken_package):
    broken_package("ai_edge_litert")
    with pytest.raises(MissingExtraError, match=r"does not start: GLIBC_2\.99 not found"):
        choose_runtime("ai-edge-litert")


def test_a_runtime_that_was_copied_here_has_no_version(monkeypatch):
    def find_nothing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", find_nothing)
    assert with_version("ai-edge-litert") == "ai-edge-litert of unknown version"


@pytest.mark.parametrize("numpy", ["2.0.0", "2.4.6"])
def test_tflite_runtime_is_not_imported_beside_numpy_2(broken_package, monkeypatch, numpy):
    broken_package("tflite_runtime")
    monkeypatch.setattr(np, "__version__", numpy)
    with pytest.raises(MissingExtraError, match=rf"NumPy {numpy}"):
        choose_runtime("tflite-runtime")
    assert "tflite_runtime" not in sys.modules


def test_tflite_runtime_is_not_imported_beside_tensorflow(broken_package, monkeypatch):
    broken_package("tflite_runtime")
    monkeypatch.setattr(np, "__version__", "1.26.4")
    monkeypatch.setitem(sys.modules, "tensorflow", np)
    with pytest.raises(MissingExtraError, match="loaded TensorFlow"):
        choose_runtime("tflite-runtime")


def test_the_names_are_those_of_model_files():
    assert (LOGITS, MASK_LOGITS, FEATURES) == ("logits", "mask_logits", "features")


def test_each_result_is_taken_out_of_its_batch():
    results = {
        "features": np.full((1, 7), 3.0),
        "mask_logits": np.full((1, 4, 5, 2), 2.0, np.float32),
        "logits": np.array([[1.0, -1.0]], np.float32),
    }
    outputs = Outputs.of(results)
    assert outputs.logits.tolist() == [1.0, -1.0]
    assert outputs.mask_logits.shape == (4, 5, 2)
    assert (outputs.mask_logits == 2).all()
    assert outputs.features.tolist() == [3.0] * 7
    assert list(outputs.by_name()) == ["logits", "mask_logits", "features"]
    assert outputs.by_name()["features"] is outputs.features
    assert {outputs.logits.dtype, outputs.mask_logits.dtype, outputs.features.dtype} == {
        np.dtype(np.float32)
    }


def test_a_hint_is_an_output_like_the_others():
    hint = np.full((1, 2, 3, 1), 0.5)
    outputs = Outputs.of({"hint": hint, "logits": np.zeros((1, 2), np.float32)})
    assert outputs.hint.dtype == np.float32
    assert outputs.hint.tolist() == hint[0].tolist()
    assert list(outputs.by_name()) == ["logits", "hint"]


class Signature:
    """Names, types and shapes as a runtime tells them; no small file has these outputs."""

    def __init__(self, **outputs: tuple[int, ...]) -> None:
        self._outputs = outputs

    def get_input_details(self):
        return {"image": {"dtype": np.uint8, "shape": (1, 16, 48, 3)}}

    def get_output_details(self):
        return {
            name: {"dtype": np.float32, "shape": shape} for name, shape in self._outputs.items()
        }


@pytest.mark.parametrize(
    ("outputs", "wrong"),
    [
        ({"hint": (1, 4, 12, 1)}, ""),
        ({"hint": (1, 1, 1, 1)}, ""),
        ({"hint": (1, 4, 12, 3)}, "hint float32 [1, 4, 12, 1]"),
        ({"hint": (1, 48)}, "hint float32 [1, height, width, 1]"),
        ({"hint": (1, 4, 12, 1), "mask_logits": (1, 8, 24, 3)}, "mask_logits float32 [1, 8, 24"),
    ],
)
def test_a_hint_has_one_value_for_each_place_and_no_mask_beside_it(bundle, outputs, wrong):
    signature = Signature(logits=(1, 3), **outputs)
    if not wrong:
        _check_interface(bundle, signature)
        return
    with pytest.raises(ModelFileError) as caught:
        _check_interface(bundle, signature)
    _, expected = str(caught.value).split("by its metadata it must have")
    assert wrong in expected
    assert ("hint" in expected) == ("mask_logits" not in outputs)


def test_only_logits_must_be_there():
    outputs = Outputs.of({"logits": np.zeros((1, 2), np.float32)})
    assert set(outputs.by_name()) == {"logits"}
    assert outputs.mask_logits is None
    assert outputs.features is None


def test_the_notes_of_tensorflow_and_its_converter_are_dropped(capfd):
    with without_info_lines():
        os.write(2, b"I0000 00:00:17 1 cuda.cc:31] no GPU\nW0000 00:00:17 1 x.cc:3] slow\n")
        os.write(2, b"WARNING: All log messages before absl::InitializeLog()\n")
        os.write(2, b"fully_quantize: 0, inference_type: 6\nE0000 00:00:17 1 x.cc:3] broken\n")
    assert capfd.readouterr().err == "E0000 00:00:17 1 x.cc:3] broken\n"


def test_only_info_lines_are_dropped(capfd):
    with without_info_lines():
        os.write(2, b"INFO: a delegate was made\nERROR: it hurts\nINFO: more\nno newline")
    os.write(2, b"\nINFO: afterwards\n")
    assert capfd.readouterr().err == "ERROR: it hurts\nno newline\nINFO: afterwards\n"


def test_an_error_passes_through_and_stderr_comes_back(capfd):
    def warn_and_break():
        os.write(2, b"WARNING: look\n")
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"), without_info_lines():
        warn_and_break()
    os.write(2, b"INFO: afterwards\n")
    assert capfd.readouterr().err == "WARNING: look\nINFO: afterwards\n"


def test_no_file_descriptor_is_left_open():
    def free() -> list[int]:
        descriptors = [os.dup(1) for _ in range(8)]
        for descriptor in descriptors:
            os.close(descriptor)
        return descriptors

    before = free()
    with without_info_lines():
        pass
    assert free() == before


def test_threads_take_turns_and_leave_stderr_where_it_was():
    before = os.fstat(2)
    second_is_inside, first_has_left = threading.Event(), threading.Event()

    def enter_and_leave_after_the_first():
        with without_info_lines():
            second_is_inside.set()
            first_has_left.wait(10)

    second = threading.Thread(target=enter_and_leave_after_the_first)
    with without_info_lines():
        second.start()
        assert not second_is_inside.wait(0.2)
    first_has_left.set()
    second.join(10)
    assert second_is_inside.is_set()
    after = os.fstat(2)
    assert (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino)


def test_without_a_place_for_a_file_the_block_still_runs(monkeypatch, capfd):
    def refuse():
        raise OSError("read-only")

    monkeypatch.setattr("capsule_inspect.modelfile.runtime.TemporaryFile", refuse)
    with without_info_lines():
        os.write(2, b"INFO: seen\n")
    assert capfd.readouterr().err == "INFO: seen\n"
