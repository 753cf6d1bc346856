"""The README keeps its word: its `console` blocks are run, and their output is held against it.

In a ```console block, a line `$ command` is followed by what it prints. Numbers, blank lines,
widths of tables and folders of absolute paths may differ, words may not; a line `...` stands for
any lines. A block after the comment `<!-- slow -->` runs in the slow suite only. Other blocks are
not run.
"""

import difflib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SHIPPED = ROOT / "capsule_inspect/assets/capsule.tflite"

SLOW = "<!-- slow -->"
ANYTHING = "..."
RUNNABLE = frozenset({"capsule-inspect", "cat", "head", "ls", "python"})


@dataclass(frozen=True)
class Step:
    """A command that the README shows.

    Attributes:
        line: The line it stands in, from 1.
        command: What comes after `$ `; lines continued with a backslash are joined.
        shown: The lines that the README says it prints.
        slow: It is left to the slow suite.
    """

    line: int
    command: str
    shown: tuple[str, ...]
    slow: bool


def read_steps(text: str) -> list[Step]:
    """Finds the commands in the `console` blocks of a Markdown text, in order.

    Raises:
        ValueError: A block does not begin with a command, or does not end.
    """
    steps: list[Step] = []
    language, slow, last = None, False, ""
    for number, line in enumerate(text.splitlines(), 1):
        if language is None:
            if fence := re.match(r"```(\w*)", line):
                language, slow, inside = fence[1], last == SLOW, False
            last = line.strip() or last
        elif line.startswith("```"):
            language, last = None, line
        elif language == "console":
            if line.startswith("$ "):
                steps.append(Step(number, line[2:], (), slow))
                inside = True
            elif not inside:
                raise ValueError(f"Line {number}: a console block begins with '$ command'.")
            else:
                steps[-1] = _continued(steps[-1], line)
    if language is not None:
        raise ValueError(f"The last block, of language '{language}', does not end.")
    return steps


def _continued(step: Step, line: str) -> Step:
    if step.command.endswith("\\") and not step.shown:
        joined = step.command[:-1].rstrip() + " " + line.removeprefix(">").strip()
        return Step(step.line, joined, (), step.slow)
    return Step(step.line, step.command, (*step.shown, line), step.slow)


def shape(line: str) -> str:
    """A line of output without what may differ from run to run and machine to machine."""
    line = re.sub(r"(?<![\w.~*-])/(?:[^\s/'\",;:]+/)+", "/", line)
    line = re.sub(r"\d+(?:\.\d+)*", "#", line)
    line = re.sub(r"([─━═-])\1+", r"\1", line)
    return " ".join(line.split())


def differences(shown: Iterable[str], printed: Iterable[str]) -> list[str]:
    """Holds printed lines against shown ones; a diff of their shapes, empty if they agree."""
    expected = [text for text in map(shape, shown) if text]
    actual = [text for text in map(shape, printed) if text]
    pattern = "".join(
        r"(?:.*\n)*?" if text == ANYTHING else re.escape(text) + r"\n" for text in expected
    )
    if re.fullmatch(pattern, "".join(f"{text}\n" for text in actual)):
        return []
    return list(difflib.unified_diff(expected, actual, "README.md", "printed", lineterm="", n=1))


def run_step(step: Step, folder: Path, timeout: int) -> list[str]:
    """Runs a step in a folder, by the shell; what is wrong with it, in lines."""
    place = f"README.md:{step.line}: $ {step.command}"
    if (name := shlex.split(step.command)[0]) not in RUNNABLE:
        return [place, f"'{name}' is not run by this test. Show it in an `sh` block."]
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(  # noqa: S602  (a reader pastes it into a shell, and it is our own)
        step.command,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": commands, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=timeout,
    )
    if ended.returncode:
        return [place, f"ended with {ended.returncode}:", *ended.stdout.splitlines()[-20:]]
    found = differences(step.shown, ended.stdout.splitlines())
    return [place, *found] if found else []


def check_readme(wanted: Callable[[Step], bool], folder: Path, timeout: int) -> None:
    """Runs the README's wanted steps in one folder, and reports all that is wrong with them."""
    if not SHIPPED.is_file():
        pytest.skip(f"{SHIPPED.relative_to(ROOT)} does not exist yet, and the README predicts")
    steps = [step for step in read_steps(README.read_text(encoding="utf-8")) if wanted(step)]
    assert steps, "README.md shows no command that could be run"
    wrong = [line for step in steps for line in run_step(step, folder, timeout)]
    assert not wrong, "\n".join(wrong)


def test_the_readme_shows_what_the_commands_print(tmp_path: Path) -> None:
    check_readme(lambda step: not step.slow, tmp_path, timeout=120)


@pytest.mark.slow
def test_the_readme_shows_what_the_slow_commands_print(tmp_path: Path) -> None:
    check_readme(lambda _: True, tmp_path, timeout=1800)


def test_links_of_the_readme_lead_to_files() -> None:
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s#]+)", text) + re.findall(r'(?:src|href)="([^"#]+)"', text)
    inside = [link for link in links if not re.match(r"\w+:", link)]
    assert [link for link in inside if not (ROOT / link).exists()] == []


def test_steps_are_read_from_console_blocks_only() -> None:
    text = "\n".join(
        [
            "# Title",
            "```sh",
            "$ capsule-inspect train",
            "```",
            "```console",
            "$ one \\",
            ">   --more",
            "printed \\",
            "",
            "also",
            "$ two",
            "```",
            SLOW,
            "",
            "```console",
            "$ three",
            "```",
            "```console",
            "$ four",
            "```",
            "$ five",
        ]
    )
    assert read_steps(text) == [
        Step(6, "one --more", ("printed \\", "", "also"), slow=False),
        Step(11, "two", (), slow=False),
        Step(16, "three", (), slow=True),
        Step(19, "four", (), slow=False),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```console\nprinted\n```", "Line 2"),
        ("```console\n$ one\n```\n```console\nprinted\n```", "Line 5"),
        ("```console\n$ one", "does not end"),
    ],
)
def test_malformed_blocks_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_steps(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("24 pictures in 1.3 s", "9 pictures in 12 s"),
        ("Results: /tmp/x/out/predictions.csv", "Results: /home/me/predictions.csv"),
        ("│ crack   │   3 │", "│ crack │ 12 │"),
        ("├──────┼──┤", "├────┼───┤"),
        ("capsule-inspect 0.1.0", "capsule-inspect 1.12"),
    ],
)
def test_lines_of_one_shape(one: str, other: str) -> None:
    assert shape(one) == shape(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("24 pictures", "24 capsules"),
        ("Results: /tmp/x/predictions.csv", "Results: /tmp/x/metrics.csv"),
        ("0000.png good 0.9", "0000.png crack 0.9"),
        ("out/a/predictions.csv", "out/b/predictions.csv"),
        ("3 good, 1 poke", "4 good"),
    ],
)
def test_lines_of_different_shape(one: str, other: str) -> None:
    assert shape(one) != shape(other)


@pytest.mark.parametrize(
    ("shown", "printed", "agree"),
    [
        (["a 1", "", "b"], ["a 22", "b", ""], True),
        (["a", ANYTHING], ["a", "b", "c"], True),
        (["a", ANYTHING], ["a"], True),
        ([ANYTHING, "c"], ["a", "b", "c"], True),
        (["a", ANYTHING, "d"], ["a", "b", "c"], False),
        (["a"], ["a", "b"], False),
        (["a", "b"], ["a"], False),
        ([], ["a"], False),
        ([], [], True),
        (["a.c"], ["abc"], False),
    ],
)
def test_shown_lines_are_held_against_printed_ones(
    shown: Sequence[str], printed: Sequence[str], agree: bool
) -> None:
    assert (differences(shown, printed) == []) == agree


def test_a_step_is_run_and_judged(tmp_path: Path) -> None:
    version = Step(3, "capsule-inspect --version", ("capsule-inspect 9.9",), slow=False)
    assert run_step(version, tmp_path, timeout=60) == []
    other = Step(3, "capsule-inspect --version", ("something else",), slow=False)
    place, *diff = run_step(other, tmp_path, timeout=60)
    assert place == "README.md:3: $ capsule-inspect --version"
    assert "-something else" in diff
    assert "+capsule-inspect #" in diff
    failing = Step(4, "capsule-inspect prepare nowhere out", (), slow=False)
    assert run_step(failing, tmp_path, timeout=60)[1] == "ended with 2:"
    foreign = Step(5, "rm -r out", (), slow=False)
    assert "'rm' is not run" in run_step(foreign, tmp_path, timeout=60)[1]
