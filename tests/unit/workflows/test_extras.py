import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from recorder import Recorder

from capsule_inspect.errors import ConfigError, MissingExtraError
from capsule_inspect.workflows.extras import (
    choose_backend,
    import_training_stack,
    require_train_extra,
)


@pytest.fixture(autouse=True)
def _backend(monkeypatch):
    """What `choose_backend` sets must not outlive a test."""
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")


@pytest.fixture
def light(monkeypatch):
    """As if the packages of the extra were not installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)


@pytest.mark.usefixtures("light")
def test_packages_that_are_missing_are_named_with_how_to_get_them():
    with pytest.raises(MissingExtraError) as refused:
        require_train_extra("evaluate", ("sklearn", "matplotlib"))
    assert "`evaluate`" in str(refused.value)
    assert "(sklearn, matplotlib)" in str(refused.value)
    assert "pip install 'capsule-inspect[train]'" in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["image_data_format", "floatx"])
def test_the_keras_json_of_another_project_changes_nothing(tmp_path, setting):
    pytest.importorskip("tensorflow")
    other = {"image_data_format": "channels_first", "floatx": "float16"}
    (tmp_path / "keras.json").write_text(json.dumps({setting: other[setting]}))
    script = (
        "from capsule_inspect.workflows.extras import import_training_stack\n"
        "import_training_stack('train')\n"
        "import keras\n"
        "layer = keras.layers.Conv2D(1, 1)\n"
        "print(layer.data_format, layer.dtype_policy.name, keras.backend.floatx())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_HOME": str(tmp_path)},
        check=True,
    )
    assert done.stdout.split() == ["channels_last", "float32", "float32"]


@pytest.mark.usefixtures("with_extra")
def test_the_environment_chooses_the_backend_unless_the_command_does(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert choose_backend("train") == "jax"
    assert choose_backend("export-tflite", "tensorflow") == "tensorflow"
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    monkeypatch.delenv("KERAS_BACKEND")
    assert choose_backend("train") == "tensorflow"


def test_other_backends_are_refused(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(ConfigError, match="tensorflow, jax"):
        choose_backend("train")


@pytest.mark.usefixtures("with_extra")
@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_mistyped_data_set_is_told_before_anything_loads(command, invoke, tmp_path, monkeypatch):
    (tmp_path / "capsules").mkdir()
    (tmp_path / "capsules/manifest.csv").touch()
    monkeypatch.chdir(tmp_path)
    ended = invoke(command, "--data", "capsule")
    assert ended.exit_code == 2
    assert ended.err.startswith("Error: There is no data set folder 'capsule'. Did you mean")
    assert [path.name for path in tmp_path.iterdir()] == ["capsules"]


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_missing_extra_says_what_to_install_and_leaves_no_folder(
    command, invoke, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    ended = invoke(command)
    assert ended.exit_code == 2
    assert "(tensorflow, keras, " in ended.err
    assert "pip install 'capsule-inspect[train]'" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_an_evaluation_says_at_once_that_it_has_begun(invoke, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    first, second = invoke("evaluate", "model.tflite", "--data", "nowhere").err.splitlines()
    assert first == "Measuring model.tflite."
    assert second.startswith("Error: There is no data set folder 'nowhere'.")


def test_what_is_loaded_already_is_not_announced():
    pytest.importorskip("tensorflow", reason="the train extra")
    import_training_stack("evaluate")
    recorder = Recorder()
    import_training_stack("evaluate", reporter=recorder)
    assert recorder.said == []


FIRST_AND_SECOND = """
from capsule_inspect.workflows.extras import import_training_stack
from recorder import Recorder

recorder = Recorder()
for _ in range(2):
    import_training_stack("evaluate", "tensorflow", recorder)
print(recorder.said)
"""


def test_loading_is_announced_once_in_a_process():
    pytest.importorskip("tensorflow", reason="the train extra")
    done = subprocess.run(
        [sys.executable, "-c", FIRST_AND_SECOND],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "fixtures")},
    )
    assert done.stdout.splitlines()[-1] == "['Loading Keras and TensorFlow.']"
