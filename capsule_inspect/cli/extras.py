"""Loading the packages of the `train` extra, or saying how to get them."""

import importlib.util
import os
from collections.abc import Sequence

from capsule_inspect.errors import MissingExtraError

_TRAIN_PACKAGES = ("tensorflow", "keras", "sklearn", "albumentations", "optuna")


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


def load_training_stack(command: str) -> None:
    """Imports TensorFlow, which takes seconds, quietly, and says so meanwhile.

    Args:
        command: The name of the command that needs it, for messages.

    Raises:
        MissingExtraError: A package of the `train` extra is not installed.
    """
    require_train_extra(command)
    from capsule_inspect.cli.console import say
    from capsule_inspect.modelfile.quiet import without_info_lines

    say("Loading TensorFlow and Keras.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # Otherwise every large tensor is mapped anew, and half the time of a step goes to page faults.
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
    with without_info_lines():
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        tf.constant(0)  # the first operation looks for a GPU, and says so
