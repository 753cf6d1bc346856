"""One model for many threads."""

from functools import partial
from queue import Empty, LifoQueue

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.modelfile.bundle import ModelBundle
from capsule_inspect.modelfile.interpreter import Interpreter
from capsule_inspect.modelfile.outputs import Outputs
from capsule_inspect.modelfile.runtime_name import RuntimeName


class InterpreterPool:
    """A model that any number of threads may run: as many interpreters as run at once.

    Args:
        bundle: The verified model.
        runtime: Which runtime to use.
        threads: How many threads each interpreter may use; at least 1.

    Attributes:
        runtime: Name and version of the runtime in use.

    Raises:
        MissingExtraError: As for `Interpreter`, and so are the next.
        ModelFileError: The runtime cannot execute the model.
        ValueError: `threads` is below 1.
    """

    runtime: str

    def __init__(
        self, bundle: ModelBundle, runtime: RuntimeName = "auto", threads: int = 1
    ) -> None:
        self._make = partial(Interpreter, bundle, runtime, threads)
        self._idle: LifoQueue[Interpreter] = LifoQueue()
        first = self._make()
        self.runtime = first.runtime
        self._idle.put(first)

    def run(self, image: NDArray[np.uint8]) -> Outputs:
        """Executes the model on one window, as `Interpreter.run` does."""
        try:
            interpreter = self._idle.get_nowait()
        except Empty:
            interpreter = self._make()
        try:
            return interpreter.run(image)
        finally:
            self._idle.put(interpreter)
