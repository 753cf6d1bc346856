"""Checking a runtime in a process of its own.

Some runtimes crash on some processors while they load a model or compute. Nothing can catch that in
the process that it happens in, so another one is sent ahead.
"""

import json
import signal
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Literal, TypeAlias

from capsule_inspect.choices import CHECK_SECONDS, RuntimeName
from capsule_inspect.errors import MissingExtraError, ModelFileError
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.known_answer import (
    WrongAnswerError,
    describe_processor,
    draw_test_picture,
)
from capsule_inspect.modelfile.runtime import Interpreter, with_version

Verdict: TypeAlias = Literal["right", "unknown", "wrong", "unusable", "crashed", "late"]
"""Of a runtime: it gives the known answer; it computes, and the file has no known answer; it gives
another answer; it cannot run the file, or cannot work in this installation; its process ended
without an answer; it took too long."""


@dataclass(frozen=True)
class RuntimeCheck:
    """What became of a runtime that was given a model.

    Attributes:
        name: The runtime.
        runtime: Its name and version.
        verdict: Its answer in a word.
        sentence: Its answer for a person, and what to do next.
    """

    name: RuntimeName
    runtime: str
    verdict: Verdict
    sentence: str

    @property
    def is_usable(self) -> bool:
        """Whether nothing speaks against the runtime."""
        return self.verdict in {"right", "unknown"}


_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[3:]; "
    f"from {__name__} import answer; answer(sys.argv[1], sys.argv[2])"
)
"""The new process finds modules where this one does, and not in the folder that it starts in."""

_MARK = "capsule-inspect: "
"""Begins the answer of the new process; runtimes may print, too."""


def check_runtime(file: Path, name: RuntimeName, limit: float = CHECK_SECONDS) -> RuntimeCheck:
    """Lets a runtime load a model file and give its known answer, in a process of its own.

    Args:
        file: A model file that `read_bundle` accepts.
        name: An installed runtime; not `auto`.
        limit: How many seconds that may take, above 0.
    """
    runtime, place = with_version(name), f"'{file}' on {describe_processor()}"
    instead = _instead_of(name, runtime)
    try:
        code, answered, complaint = _run_ahead(file, name, limit)
    except subprocess.TimeoutExpired:
        sentence = (
            f"{runtime} did not answer within {limit:g} s for {place}: give it more with "
            f"`--time-limit`, or {instead}."
        )
        return RuntimeCheck(name, runtime, "late", sentence)
    except OSError as error:
        sentence = (
            f"{runtime} was not checked, since a new process does not start here "
            f"({error.strerror}): try `capsule-inspect info` without `--check`."
        )
        return RuntimeCheck(name, runtime, "unusable", sentence)
    if code == 0 and answered:
        verdict, reason = json.loads(answered)
        return RuntimeCheck(name, runtime, verdict, reason or _praise(runtime, place, verdict))
    ended = _describe_end(code) + (f" ({complaint})" if code >= 0 and complaint else "")
    sentence = f"{runtime} crashed with {ended} while it ran {place}: {instead}."
    return RuntimeCheck(name, runtime, "crashed", sentence)


def _run_ahead(file: Path, name: RuntimeName, limit: float) -> tuple[int, str, str]:
    """Runs `answer` in a new process; returns its exit code, its answer and its last complaint."""
    command = [sys.executable, "-c", _PROGRAM, str(file), name, *sys.path]
    # Files, not pipes: a process of the runtime that outlives the time limit cannot hold us up.
    with TemporaryFile() as out, TemporaryFile() as err:
        code = subprocess.run(  # noqa: S603  (the arguments are ours)
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=limit, check=False
        ).returncode
        return code, _last_line(out, _MARK).removeprefix(_MARK), _last_line(err)


def answer(file: str, name: RuntimeName) -> None:
    """Loads a model into a runtime and prints the verdict and the reason against it, as JSON.

    It runs in the new process.
    """
    verdict: Verdict
    reason = ""
    try:
        bundle = read_bundle(Path(file))
        interpreter = Interpreter(bundle, name)
        verdict = "right"
        if bundle.metadata.known_answer is None:
            verdict, roi = "unknown", bundle.metadata.roi
            interpreter.run(draw_test_picture(roi.width, roi.height, seed=1))
    except WrongAnswerError as error:
        verdict, reason = "wrong", str(error)
    except (MissingExtraError, ModelFileError) as error:
        verdict, reason = "unusable", str(error)
    print(_MARK + json.dumps([verdict, reason]))  # noqa: T201  (the other process reads it)


def _instead_of(name: RuntimeName, runtime: str) -> str:
    if name == "tflite-runtime":  # its one version is the last
        return "use `--runtime ai-edge-litert` or another machine"
    version = runtime.rpartition(" ")[2]
    how = f" (`pip install '{name}!={version}'`)" if version[0].isdigit() else ""
    return (
        f"install another version of it{how}, or use `--runtime tflite-runtime` or another machine"
    )


def _praise(runtime: str, place: str, verdict: Verdict) -> str:
    if verdict == "right":
        return f"{runtime} answers rightly: it gives the known answer of {place}."
    return (
        f"{runtime} runs {place}, but the file has no known answer to compare with: export the "
        "network again."
    )


def _describe_end(code: int) -> str:
    """Names a signal or an exit code; Windows has exit codes such as 0xC0000005 for crashes."""
    if code >= 0:
        return f"exit code {code if code < 256 else f'0x{code:X}'}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        return f"signal {-code}"
    meaning = signal.strsignal(-code)
    return f"{name} ({meaning})" if meaning else name


def _last_line(file: IO[bytes], start: str = "") -> str:
    """Returns the last line with this start that is not empty, without the stop at its end."""
    file.seek(0)
    lines = (line for line in file if line.strip() and line.startswith(start.encode()))
    last = deque(lines, maxlen=1)
    return last[0].decode(errors="replace").strip().rstrip(".") if last else ""
