"""The image: built from nothing, and run as a locked-down container would be.

There is no registry to ask: debootstrap makes the base, a Debian with Python, and buildah builds
without a daemon. The container is a root of its own, mounted read only, for a user without rights.
"""

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml

from capsule_inspect import __version__
from capsule_inspect.dataset.prepare import prepare_dataset
from capsule_inspect.inference.inspector import load
from capsule_inspect.settings.groups import DataSettings

ROOT = Path(__file__).parents[2]
OLDER_SYSTEM_BYTES = 317e6
TOKEN = "0123456789abcdef" * 2
TMP = "/tmp"  # noqa: S108  (of the container)
PACKAGES = "python3-minimal,python3-venv"

RUN = """
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
mount -o remount,bind,ro "$1"
root=$1
user=$2
shift 2
exec setpriv --no-new-privs chroot --userspec="$user" "$root" "$@"
"""
"""Starts a command in a root: `sh -ec RUN sh ROOT UID:GID COMMAND...`, in namespaces of its own."""


def test_the_image_says_the_version_of_the_package() -> None:
    dockerfile = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
    assert f"ARG VERSION={__version__}\n" in dockerfile


def test_the_wheel_finds_all_it_needs_in_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in allowed)
    assert {"capsule_inspect", "conf", "pyproject.toml", "LICENSE", "LICENSE-DATA.md"} <= allowed


def test_compose_locks_its_containers_down_and_gives_them_the_token() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["secrets"] == ["token"]
    assert (ROOT / compose["services"]["server"]["build"]["dockerfile"]).is_file()
    scrape = yaml.safe_load((ROOT / "docker/prometheus.yml").read_text(encoding="utf-8"))
    (job,) = scrape["scrape_configs"]
    assert job["authorization"]["credentials_file"] == "/run/secrets/token"
    assert job["static_configs"] == [{"targets": ["server:8000"]}]
    assert "server" in compose["services"]


@dataclass(frozen=True)
class Image:
    """An image, and a container of it.

    Attributes:
        config: Its configuration, as Docker writes it.
        root: The files of the container.
        uncompressed: Bytes of its layers.
        compressed: Bytes of its layers as a registry holds them.
    """

    config: dict[str, Any]
    root: Path
    uncompressed: int
    compressed: int

    def command(self, *arguments: object) -> list[str]:
        """The command line that starts a process in the container."""
        start = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", RUN, "sh"]
        return [*start, str(self.root), self.config["User"], *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process, and where the tools that start it are."""
        given = dict(each.split("=", 1) for each in self.config["Env"])
        return {**given, "PATH": f"{given['PATH']}:{os.environ['PATH']}"}

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Runs a command in the container to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @contextmanager
    def serving(self, port: int) -> Iterator["subprocess.Popen[str]"]:
        """Starts the container's own command on a port, until it is ready; ends it by SIGTERM."""
        command = [*self.config["Entrypoint"], *self.config["Cmd"], "--port", str(port)]
        process = subprocess.Popen(
            self.command(*command),
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("Ready: http://0.0.0.0:")
            yield process
        finally:
            for child in children_of(process):  # the first of its namespace, so all end with it
                os.kill(child, signal.SIGKILL)
            process.communicate()


def is_library(path: Path) -> bool:
    """Tells whether a file that may be run is none to start: a library, or a text."""
    with path.open("rb") as file:
        return ".so" in path.name or file.read(4) != b"\x7fELF"


def children_of(process: "subprocess.Popen[str]") -> list[int]:
    """The processes that a process started and that have not ended."""
    try:
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(each) for each in listed.split()]


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Runs buildah, or another command, with storage of its own; what it prints."""
    if os.geteuid() or not all(map(shutil.which, ("buildah", "debootstrap", "unshare", "make"))):
        pytest.skip("building an image needs root, buildah and debootstrap")
    folder = tmp_path_factory.mktemp("storage")
    (folder / "docker").write_text("#!/bin/sh\nexit 1\n")  # so that make takes buildah
    (folder / "docker").chmod(0o755)
    storage = f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/kept"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(storage)
    environment = {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}:/usr/sbin",
        "BUILDAH_ISOLATION": "chroot",
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }

    def run(*arguments: object, tool: str = "buildah") -> str:
        ended = subprocess.run(
            [tool, *map(str, arguments)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
        return ended.stdout.strip()

    yield run
    run("rm", "--all")
    run("rmi", "--all", "--force")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def image(buildah: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image of `make image`, on a base of Debian's Python."""
    folder = tmp_path_factory.mktemp("image")
    codename, mirror = _mirror(buildah)
    options = ("--variant=minbase", f"--include={PACKAGES}")
    buildah(*options, codename, folder / "base", mirror, tool="debootstrap")
    base = buildah("from", "scratch")
    buildah("add", "--quiet", base, folder / "base", "/")
    buildah("commit", "--quiet", base, "localhost/python")
    shutil.rmtree(folder / "base")
    mounts = " ".join(f"--volume {source}:{inside}:ro" for source, inside in _pip_files(folder))
    arguments = f"--quiet --build-arg PYTHON=localhost/python {mounts}"
    buildah("--silent", "image", f"ARGS={arguments}", tool="make")

    about = json.loads(buildah("inspect", "--type", "image", "localhost/capsule-inspect"))
    container = buildah("from", "localhost/capsule-inspect")
    root = Path(buildah("mount", container))
    archive = folder / "image.tar"
    buildah("push", "--quiet", "localhost/capsule-inspect", f"oci-archive:{archive}")
    layers = json.loads(about["Manifest"])["layers"]
    with tarfile.open(archive) as packed:
        compressed = sum(member.size for member in packed.getmembers())
    archive.unlink()
    for name in ("proc", "dev"):  # as a runtime makes them
        (root / name).mkdir()
    return Image(
        about["Docker"]["config"], root, sum(layer["size"] for layer in layers), compressed
    )


def _mirror(run: Callable[..., str]) -> tuple[str, str]:
    """The release of this Debian, and where this machine gets its packages."""
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    codename = re.search(r"^VERSION_CODENAME=(\w+)$", release, re.MULTILINE)
    if codename is None or not re.search(r"^ID=debian$", release, re.MULTILINE):
        pytest.skip("the base is made of the packages of a Debian")
    wanted = ("--format", "$(REPO_URI)", "Identifier: Packages", "Component: main")
    name = f"Codename: {codename[1]}"
    mirrors = run("indextargets", *wanted, name, tool="apt-get").split()
    if not mirrors:
        pytest.skip("apt does not say where packages are; run apt-get update")
    return codename[1], mirrors[0]


def _pip_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """The configuration of pip on this machine, and files it names, with their places inside."""
    listed = [sys.executable, "-m", "pip", "config", "list"]
    told = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    values: dict[str, str] = {}
    for line in told.splitlines():  # what counts more comes first
        name, _, value = line.partition("=")
        values.setdefault(name.rpartition(".")[2], ast.literal_eval(value))
    config = folder / "pip.conf"
    lines = [f"{name} = {value}" for name, value in values.items()]
    config.write_text("\n".join(["[global]", *lines, ""]))
    yield config, "/etc/pip.conf"
    named = {word.removeprefix("file://") for value in values.values() for word in value.split()}
    for path in sorted(map(Path, named)):
        if path.is_absolute() and path.exists():
            folder_of = path.parent if path.name == "simple" else path  # its files lie beside
            yield folder_of, str(folder_of)


@pytest.fixture(scope="module")
def pictures(image: Image) -> list[str]:
    """Three drawn pictures, where the container finds them; their names."""
    drawn = image.root / "work/drawn"
    prepare_dataset("drawn", drawn, DataSettings(count=3, seed=3, size=600))
    (image.root / "run/secrets/token").write_text(TOKEN)
    return sorted(path.name for path in (drawn / "pictures").iterdir())


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def _ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    sent = {"Content-Type": "image/png"} if body else {}
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, body, {**sent, **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


@pytest.mark.slow
def test_the_image_is_smaller_than_that_of_the_older_system(
    image: Image, record_property: Callable[[str, object], None]
) -> None:
    record_property("uncompressed", image.uncompressed)
    record_property("compressed", image.compressed)
    assert image.uncompressed <= OLDER_SYSTEM_BYTES
    assert image.compressed < image.uncompressed / 2


@pytest.mark.slow
def test_the_image_describes_itself(image: Image) -> None:
    user, group = map(int, image.config["User"].split(":"))
    assert user >= 10000
    assert group >= 10000
    name = "org.opencontainers.image"
    labels = image.config["Labels"]
    assert labels[f"{name}.title"] == "capsule-inspect"
    assert labels[f"{name}.version"] == __version__
    assert labels[f"{name}.licenses"] == "Apache-2.0 AND CC-BY-NC-SA-4.0"
    assert {f"{name}.source", f"{name}.revision", f"{name}.description"} <= labels.keys()
    assert image.config["Entrypoint"] == ["capsule-inspect"]
    assert image.config["Cmd"][0] == "serve"
    assert "--no-token" not in image.config["Cmd"]
    assert list(image.config["ExposedPorts"]) == ["8000/tcp"]


@pytest.mark.slow
def test_the_image_holds_nothing_that_helps_an_intruder(image: Image) -> None:
    files = [path for path in image.root.rglob("*") if not path.is_symlink()]
    ours = [path for path in files if path.relative_to(image.root).parts[0] not in {"proc", "dev"}]
    modes = {path: path.stat().st_mode for path in ours}
    assert [path for path, mode in modes.items() if path.is_file() and mode & 0o6000] == []
    writable = {path.relative_to(image.root).as_posix() for path in ours if modes[path] & 0o002}
    assert writable <= {"tmp", "work"}
    commands = {path.name for path in ours if path.parent.name in {"bin", "sbin"}}
    assert {name for name in commands if not re.fullmatch(r"python3?[\d.]*", name)} == (
        {"capsule-inspect"}
    )
    others = [path for path in ours if modes[path] & 0o111 and path.name not in commands]
    assert [path for path in others if path.is_file() and not is_library(path)] == []
    packages = {path.name for path in image.root.glob("opt/capsule-inspect/lib/*/site-packages/*")}
    assert {"capsule_inspect", "cv2", "fastapi"} <= packages
    assert packages & {"pip", "setuptools", "tensorflow", "pytest", "httpx", "mypy"} == set()
    secrets = [path.name for path in image.root.glob("etc/*") if "pip" in path.name]
    assert secrets == []


@pytest.mark.slow
def test_predict_runs_in_the_image(image: Image, pictures: list[str]) -> None:
    ended = image.run("capsule-inspect", "predict", "/work/drawn/pictures", "-o", f"{TMP}/results")
    assert ended.returncode == 0, ended.stderr
    assert "3 pictures, 3 capsules" in ended.stderr
    ended = image.run("capsule-inspect", "predict", "/work/drawn/pictures", "-o", "/work/results")
    assert ended.returncode == 2
    assert "Read-only file system" in ended.stderr
    identity = "import os; print(os.getuid(), os.getgid(), os.getgroups())"
    assert image.run("python", "-c", identity).stdout.split()[:2] == ["10001", "10001"]
    assert pictures


@pytest.mark.slow
def test_the_settings_of_the_package_are_found_in_the_image(image: Image) -> None:
    ended = image.run("capsule-inspect", "prepare", "drawn", f"{TMP}/drawn", "data.count=3")
    assert ended.returncode == 0, ended.stderr
    assert "hydra" not in ended.stderr


@pytest.mark.slow
def test_the_server_of_the_image_gives_the_rows_of_predict(
    image: Image, pictures: list[str]
) -> None:
    options = ("-o", f"{TMP}/out", "--overlays", "none", "--quiet", "--json")
    ended = image.run("capsule-inspect", "predict", "/work/drawn/pictures", *options)
    rows = [json.loads(line) for line in ended.stdout.splitlines()]
    authorization = {"Authorization": f"Bearer {TOKEN}"}
    port = _free_port()
    with image.serving(port):
        assert _ask(port, "GET", "/health/ready") == (200, {"status": "ready"})
        inspector = load()
        for row, name in zip(rows, pictures, strict=True):
            picture = (image.root / "work/drawn/pictures" / name).read_bytes()
            status, refused = _ask(port, "POST", "/v1/inspect", picture)
            assert (status, refused["title"]) == (401, "Unauthorized")
            path = f"/v1/inspect?name={name}"
            status, answer = _ask(port, "POST", path, picture, **authorization)
            assert status == 200, answer
            assert answer["rows"] == [{**row, "path": name}]
            (finding,) = inspector.inspect_bytes(picture)
            assert row["label"] == finding.label


@pytest.mark.slow
def test_the_server_of_the_image_starts_soon_and_ends_in_order(
    image: Image, pictures: list[str]
) -> None:
    assert pictures
    port, start = _free_port(), time.perf_counter()
    with image.serving(port) as process:
        assert time.perf_counter() - start < 5
        (server,) = children_of(process)
        os.kill(server, signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.slow
def test_the_health_check_tells_a_server_from_none(image: Image, pictures: list[str]) -> None:
    assert pictures
    kind, *command = image.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    port = _free_port()
    command = [part.replace("8000", str(port)) for part in command]
    with image.serving(port):
        assert image.run(*command).returncode == 0
    assert image.run(*command).returncode != 0


@pytest.mark.slow
def test_the_server_of_the_image_does_not_start_without_a_token(
    image: Image, pictures: list[str]
) -> None:
    assert pictures
    (image.root / "run/secrets/token").unlink()
    ended = image.run(*image.config["Entrypoint"], *image.config["Cmd"])
    (image.root / "run/secrets/token").write_text(TOKEN)
    assert ended.returncode == 2
    assert "The token file '/run/secrets/token' cannot be read" in ended.stderr
