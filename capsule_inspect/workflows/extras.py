"""Check that the packages of an extra are installed, and load them."""

import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import get_args

from capsule_inspect.checks import require_choice
from capsule_inspect.choices import BACKENDS, RowsFormat
from capsule_inspect.errors import ConfigError, MissingExtraError, UsageError
from capsule_inspect.reporter import SILENT, Reporter

_TRAIN_PACKAGES = ("keras", "sklearn", "albumentations", "optuna")


def require_train_extra(command: str, packages: Sequence[str] = _TRAIN_PACKAGES) -> None:
    """Checks that the packages of the `train` extra are installed, without importing them.

    Args:
        command: The name of the command that needs them, for the message.
        packages: Their import names.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"`{command}` needs packages that the light install leaves out "
            f"({', '.join(missing)}). Run: pip install 'capsule-inspect[train]'"
        )


def require_rows_format(rows: str) -> None:
    """Checks that rows can be written in a format, without importing anything.

    Args:
        rows: A format of `RowsFormat`.

    Raises:
        UsageError: There is no such format.
        MissingExtraError: The package of the `parquet` extra is not installed.
    """
    require_choice("rows", rows, get_args(RowsFormat), UsageError)
    if rows == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError(
            "Parquet needs a package that the light install leaves out (pyarrow). Run: pip install "
            "'capsule-inspect[parquet]'"
        )


def choose_backend(command: str, backend: str | None = None) -> str:
    """Chooses the backend of Keras and sets KERAS_BACKEND, without importing anything.

    Args:
        command: The name of the command that needs it, for messages.
        backend: `tensorflow` or `jax`; by default what KERAS_BACKEND says, else TensorFlow.

    Returns:
        `tensorflow` or `jax`; all that training needs is installed.

    Raises:
        MissingExtraError: A package of the `train` extra is not installed.
        ConfigError: KERAS_BACKEND names neither TensorFlow nor JAX.
    """
    chosen = backend or os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    require_choice("KERAS_BACKEND", chosen, BACKENDS, ConfigError)
    if chosen == "jax" and importlib.util.find_spec("jax") is None:
        raise MissingExtraError("KERAS_BACKEND is 'jax', which is not installed: pip install jax")
    require_train_extra(command, (chosen, *_TRAIN_PACKAGES))
    os.environ["KERAS_BACKEND"] = chosen
    return chosen


def import_training_stack(
    command: str, backend: str | None = None, reporter: Reporter = SILENT
) -> None:
    """Imports Keras and its backend without their log lines; this takes seconds.

    Args:
        command: The name of the command that needs it, for messages.
        backend: As `choose_backend` takes it.
        reporter: Told before the first import begins.

    Raises:
        MissingExtraError: A package of the `train` extra is not installed.
        ConfigError: KERAS_BACKEND names neither TensorFlow nor JAX.
    """
    chosen = choose_backend(command, backend)
    from capsule_inspect.modelfile.runtime import without_info_lines

    if "keras" not in sys.modules:
        reporter.say(f"Loading Keras and {'TensorFlow' if chosen == 'tensorflow' else 'JAX'}.")
    with without_info_lines():
        if chosen == "tensorflow":
            _load_tensorflow()
        import keras  # after TensorFlow, or its converter loses weights
    # The user's keras.json is of other projects; networks and model files here are of one form.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)


def _load_tensorflow() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Without it every large tensor is mapped anew, and page faults take half of each step.
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    tf.constant(0)  # the first operation looks for a GPU, and logs it
