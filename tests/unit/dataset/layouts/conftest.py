from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def touch() -> Callable[..., Path]:
    """Makes empty files below a folder, since discovering reads none; returns the folder."""

    def make(root: Path, *names: str) -> Path:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        return root

    return make
