"""The README keeps its word: its `console` blocks are run, and their output is held against it.

How blocks are read, run and compared says `tests/fixtures/console_blocks.py`.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from console_blocks import ANYTHING, SLOW, Step, differences, read_steps, run_step, shape

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def check_readme(wanted: Callable[[Step], bool], folder: Path, timeout: int) -> None:
    """Runs the README's wanted steps in one folder, and reports all that is wrong with them."""
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
        (["a: ...", "c"], ["a: b", "c"], True),
        (["a: ..."], ["b: a"], False),
        (["a: ..."], ["a: b", "c"], False),
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
    version = Step(3, "capsule-inspect --version", ("capsule-inspect 9.9", ANYTHING), slow=False)
    assert run_step(version, tmp_path, timeout=60) == []
    other = Step(3, "capsule-inspect --version", ("something else",), slow=False)
    place, *diff = run_step(other, tmp_path, timeout=60)
    assert place == "README.md:3: $ capsule-inspect --version"
    assert "-something else" in diff
    assert "+capsule-inspect #" in diff
    failing = Step(4, "capsule-inspect prepare nowhere out", (), slow=False)
    assert run_step(failing, tmp_path, timeout=60)[1] == "ended with 2:"
    shown = ("Error: 'nowhere' does not exist. ...",)
    expected = Step(4, f"{failing.command}  # exit code 2", shown, slow=False)
    assert run_step(expected, tmp_path, timeout=60) == []
    other_code = Step(4, f"{failing.command}  # exit code 3", shown, slow=False)
    assert run_step(other_code, tmp_path, timeout=60)[1] == "ended with 2:"
    foreign = Step(5, "mv out in", (), slow=False)
    assert "'mv' is not run" in run_step(foreign, tmp_path, timeout=60)[1]
