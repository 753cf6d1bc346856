"""Versions of the packages that results depend on."""

from importlib import metadata

_PACKAGES = (
    *("numpy", "opencv-python-headless", "opencv-python", "ai-edge-litert", "tflite-runtime"),
    *("hydra-core", "tensorflow", "keras", "jax", "optuna", "albumentations", "scikit-learn"),
)


def package_versions() -> dict[str, str]:
    """Returns the version of each that is installed, by its name in pip; imports none."""
    found = ((name, _version(name)) for name in _PACKAGES)
    return {name: installed for name, installed in found if installed}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
