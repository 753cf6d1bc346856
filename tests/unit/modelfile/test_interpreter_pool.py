from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.interpreter import Interpreter
from capsule_inspect.modelfile.interpreter_pool import InterpreterPool


@pytest.fixture
def bundle(tiny_model):
    return read_bundle(tiny_model)


@pytest.fixture
def made(monkeypatch) -> list[Interpreter]:
    """The interpreters that pools have made."""
    interpreters = []

    def make(*arguments):
        interpreters.append(Interpreter(*arguments))
        return interpreters[-1]

    monkeypatch.setattr("capsule_inspect.modelfile.interpreter_pool.Interpreter", make)
    return interpreters


def test_threads_get_what_one_interpreter_gives(bundle, made):
    windows = np.random.default_rng(0).integers(0, 256, (40, 16, 48, 3), dtype=np.uint8)
    alone, pool = Interpreter(bundle), InterpreterPool(bundle)
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(pool.run, windows))
    assert 1 <= len(made) <= 4
    for window, outputs in zip(windows, together, strict=True):
        expected = alone.run(window)
        assert np.array_equal(outputs.logits, expected.logits)
        assert np.array_equal(outputs.mask_logits, expected.mask_logits)


def test_it_names_its_runtime(bundle):
    assert InterpreterPool(bundle).runtime == Interpreter(bundle).runtime


def test_an_impossible_number_of_threads_is_refused_at_once(bundle):
    with pytest.raises(ValueError, match="threads"):
        InterpreterPool(bundle, threads=0)


def test_what_runs_one_after_another_shares_an_interpreter_even_after_a_failure(bundle, made):
    pool = InterpreterPool(bundle)
    with pytest.raises(ValueError, match="image"):
        pool.run(np.zeros((1, 1, 3), np.uint8))
    for _ in range(3):
        assert pool.run(np.zeros((16, 48, 3), np.uint8)).logits.shape == (3,)
    assert len(made) == 1
