"""The public API: `__all__`, the docstrings and `docs/python.md` say the same."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import capsule_inspect
from capsule_inspect import errors

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
DESCRIBED = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.partition("## Reference")[2], re.M))
ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
NEED_TRAINING = {"evaluate", "export", "train"}


def test_every_name_is_described_on_the_page_and_no_other():
    assert set(DESCRIBED) == set(capsule_inspect.__all__)


@pytest.mark.parametrize("name", capsule_inspect.__all__)
def test_the_page_says_what_the_docstring_says(name):
    assert DESCRIBED[name] == getattr(capsule_inspect, name).__doc__.splitlines()[0]


def test_all_errors_are_public():
    assert set(capsule_inspect.__all__) >= {name for name in ERRORS if name.endswith("Error")}


def test_the_examples_use_the_public_api_alone():
    for block in BLOCKS:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("capsule_inspect")
            if isinstance(node, ast.Import):
                assert all(not alias.name.startswith("capsule_inspect.") for alias in node.names)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id != "capsule_inspect" or node.attr in capsule_inspect.__all__


def test_every_function_is_shown_in_an_example():
    shown = set(re.findall(r"capsule_inspect\.(\w+)", "".join(BLOCKS)))
    functions = {name for name in capsule_inspect.__all__ if name[0].islower()}
    assert functions <= shown


def loaded_after(code: str) -> set[str]:
    script = f"import sys, capsule_inspect\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_import_loads_nothing_heavy():
    assert not {"numpy", "cv2", "typer", "yaml"} & loaded_after("")


def test_no_name_loads_the_training_packages():
    heavy = {"tensorflow", "keras", "hydra", "optuna", "albumentations"}
    assert not heavy & loaded_after(
        "for name in capsule_inspect.__all__: getattr(capsule_inspect, name)"
    )


def test_only_what_needs_the_extra_loads_scikit_learn():
    light = sorted(set(capsule_inspect.__all__) - NEED_TRAINING)
    assert "sklearn" not in loaded_after(f"for name in {light}: getattr(capsule_inspect, name)")


def test_no_room_or_module_hides_a_name():
    # An imported submodule becomes an attribute of the package, in place of what had its name.
    inside = {path.stem for path in Path(capsule_inspect.__file__).parent.iterdir()}
    assert not inside & set(capsule_inspect.__all__)


def test_dir_lists_the_names_and_other_names_are_refused():
    assert set(capsule_inspect.__all__) < set(dir(capsule_inspect))
    with pytest.raises(AttributeError, match="no attribute 'inspect'"):
        capsule_inspect.inspect  # noqa: B018
