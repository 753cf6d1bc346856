import importlib
import importlib.util
import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from describe_model import describe_model

from capsule_inspect.errors import ModelFileError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.bundle import ModelBundle, pack_bundle, write_bundle
from capsule_inspect.modelfile.interpreter import Interpreter
from capsule_inspect.modelfile.training_statistics import TrainingStatistics

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
    assert message.index(found) < message.index("its metadata implies") < message.index(expected)


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
        with pytest.raises(ModelFileError, match=f"m.tflite has {count} signatures, but exactly 1"):
            Interpreter(bundle, runtime)


def test_what_the_runtime_cannot_execute_is_refused(bundle, runtime):
    data = bytearray(bundle.flatbuffer)
    # The schema's version, 3, is the first field of the flatbuffer's root table.
    (root,) = struct.unpack_from("<I", data, 0)
    (vtable_distance,) = struct.unpack_from("<i", data, root)
    (field_offset,) = struct.unpack_from("<H", data, root - vtable_distance + 4)
    assert data[root + field_offset] == 3
    data[root + field_offset] = 9
    with pytest.raises(ModelFileError, match=rf"^{runtime} .* cannot execute m\.tflite .*9"):
        Interpreter(replace(bundle, flatbuffer=bytes(data)), runtime)


def test_loading_and_running_prints_nothing(tmp_path, tiny, metadata, runtime):
    """In a process of its own, since a runtime may announce itself once only."""
    path = tmp_path / "model.tflite"
    write_bundle(path, tiny, metadata)
    program = (
        "import sys, pathlib, numpy\n"
        "from capsule_inspect.modelfile.bundle import read_bundle\n"
        "from capsule_inspect.modelfile.interpreter import Interpreter\n"
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
