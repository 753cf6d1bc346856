"""The built wheel: what is in it, what it says of itself, and that it works once installed."""

import csv
import sys
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from other_pythons import find_python, output_of

ROOT = Path(__file__).parents[2]
MODEL = "capsule_inspect/assets/capsule.tflite"
VERSIONS = ("3.10", "3.11", "3.12", "3.13")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and what else a light install brings.

    Attributes:
        command: The console script.
        folder: An empty folder to work in, outside the checkout.
        packages: Names of the installed packages.
    """

    command: Path
    folder: Path
    packages: frozenset[str]

    def run(self, *arguments: str) -> str:
        return output_of(self.command, *arguments, folder=self.folder)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    output_of(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", out, ROOT, folder=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module", params=VERSIONS)
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    """The wheel, installed without extras, for a Python version; skips if there is none."""
    base = tmp_path_factory.mktemp(f"python{request.param}")
    output_of(find_python(request.param), "-m", "venv", base / "venv", folder=base)
    python = base / "venv/bin/python"
    output_of(python, "-m", "pip", "install", "--quiet", wheel, folder=base)
    listed = output_of(python, "-m", "pip", "list", "--format=freeze", folder=base)
    folder = base / "work"
    folder.mkdir()
    names = frozenset(line.split("==")[0].lower() for line in listed.splitlines())
    return Installed(base / "venv/bin/capsule-inspect", folder, names)


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_the_package_its_settings_and_its_licences(wheel: Path) -> None:
    patterns = (
        "capsule_inspect/**/*.py",
        "capsule_inspect/pages/templates/*",
        "capsule_inspect/serving/page/*.html",
        "capsule_inspect/serving/page/static/*",
        "conf/**/*.yaml",
    )
    tracked = [path for pattern in patterns for path in ROOT.glob(pattern)]
    expected = {path.relative_to(ROOT).as_posix() for path in tracked}
    expected = {f"capsule_inspect/{n}" if n.startswith("conf/") else n for n in expected}
    expected |= {"capsule_inspect/py.typed", "capsule_inspect/assets/MODEL_CARD.md", MODEL}
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        licences = {n.split("/")[-1]: archive.read(n) for n in held if "/licenses/" in n}
    own = {name for name in held if ".dist-info/" not in name}
    assert own == expected
    assert licences == {n: (ROOT / n).read_bytes() for n in ("LICENSE", "LICENSE-DATA.md")}
    assert b"Apache License" in licences["LICENSE"]
    assert b"non-commercial use only" in licences["LICENSE-DATA.md"]


def test_the_metadata_names_both_licences_and_a_light_set_of_needs(wheel: Path) -> None:
    metadata = metadata_of(wheel)
    assert metadata["License-Expression"] == "Apache-2.0 AND CC-BY-NC-SA-4.0"
    assert metadata.get_all("License-File") == ["LICENSE", "LICENSE-DATA.md"]
    # A licence classifier beside a licence expression makes indexes refuse the package.
    assert not [c for c in metadata.get_all("Classifier", []) if c.startswith("License ::")]
    needs = [need for need in metadata.get_all("Requires-Dist", []) if "extra ==" not in need]
    assert {need.split(">")[0] for need in needs} == {
        "ai-edge-litert",
        "filelock",
        "hydra-core",
        "jinja2",
        "numpy",
        "omegaconf",
        "opencv-python-headless",
        "pyyaml",
        "rich",
        "typer",
    }


def test_a_light_install_draws_capsules_with_its_own_settings(installed: Installed) -> None:
    assert not installed.packages & {"tensorflow", "keras", "scikit-learn", "optuna", "torch"}
    assert "predict" in installed.run("--help")
    # The group `data=drawn` is a file of the wheel's `conf`.
    installed.run("prepare", "drawn", "drawn", "data=drawn", "data.count=3", "data.size=200")
    assert len(list((installed.folder / "drawn/pictures").iterdir())) == 3


def test_a_light_install_predicts(installed: Installed) -> None:
    installed.run("prepare", "drawn", "capsules", "data.count=2", "data.seed=7")
    options = ("-o", "results", "--masks", "--table", "--report")
    assert "0000.png" in installed.run("predict", "capsules/pictures", *options)
    page = (installed.folder / "results/report.html").read_text(encoding="utf-8")
    assert "Inspection of 2 pictures" in page
    with (installed.folder / "results/predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert all((installed.folder / "results" / row["overlay"]).is_file() for row in rows)


def test_a_light_install_completes(installed: Installed) -> None:
    completed = output_of(
        installed.command,
        folder=installed.folder,
        _CAPSULE_INSPECT_COMPLETE="complete_bash",
        COMP_WORDS="capsule-inspect pre",
        COMP_CWORD="1",
    )
    assert completed.split() == ["prepare", "predict"]
