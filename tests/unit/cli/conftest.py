"""What tests of commands share where the `train` extra may be there or not."""

import importlib.util

import pytest


@pytest.fixture
def with_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the packages of the extra were installed, for what is said before they load."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
