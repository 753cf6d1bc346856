"""Collects what an image needs: an environment, its Python, and the libraries that these load.

Usage: python3 collect.py ENVIRONMENT TARGET

Everything keeps its path below TARGET. A library of the system is taken if something that is taken
needs it, so no shell, no package manager and no tool of the base comes along. `UNUSED` and
`UNUSED_STDLIB` list what no command of the light install loads; it is left out.
"""

import compileall
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from py_compile import PycInvalidationMode

UNUSED = (
    # Installers: an image is replaced, not changed.
    "pip",
    "pip-*",
    "setuptools",
    "setuptools-*",
    "pkg_resources",
    "_distutils_hack",
    "distutils-precedence.pth",
    # LiteRT on GPUs and phones, and its tools; the model runs on the CPU.
    "ai_edge_litert/aot",
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so",
    "ai_edge_litert/tools",
    "ai_edge_litert/vendors",
    # OpenCV's face detectors.
    "cv2/data/*.xml",
    # What NumPy brings for those who build extensions of it, and for its own tests.
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/_core/_simd.*",
    "numpy/_core/*_tests.*",
    "numpy/distutils",
    "numpy/f2py",
    "numpy/random/_examples",
    "numpy/random/lib",
    # Tests, types and sources.
    "**/tests",
    "**/*.pyi",
    "**/*.pxd",
    "**/*.pyx",
)
"""What no command of the light install loads, below `site-packages`."""

UNUSED_STDLIB = (
    # The packages of the base.
    "dist-packages",
    "site-packages",
    # Installers, and what extensions are built with.
    "config-*",
    "distutils",
    "ensurepip",
    # Windows, terminals, databases, NIS: they need libraries of the system.
    "idlelib",
    "tkinter",
    "turtle.py",
    "turtledemo",
    "lib-dynload/_curses*",
    "lib-dynload/_dbm*",
    "lib-dynload/_gdbm*",
    "lib-dynload/_sqlite3*",
    "lib-dynload/_tkinter*",
    "lib-dynload/nis*",
    "lib-dynload/readline*",
    # Tests and what helps to write Python.
    "lib2to3",
    "pydoc_data",
    "test",
    "**/tests",
    "lib-dynload/_ctypes_test*",
    "lib-dynload/_test*",
    "lib-dynload/_xxtestfuzz*",
    "lib-dynload/xx*",
)
"""What no command loads of Python itself."""

READ_AS_SOURCE = ("cv2/config*.py", "hydra/**/__init__.py")
"""Modules that their packages open as files."""

USER = 10001


def main() -> None:
    """Collects."""
    environment, target = map(Path, sys.argv[1:])
    python = Path(os.path.realpath(sys.executable))
    stdlib = Path(sysconfig.get_path("stdlib"))
    (packages,) = environment.glob("lib/python3*/site-packages")
    copy_tree(stdlib, target, UNUSED_STDLIB)
    copy_tree(environment, target, [f"{packages.relative_to(environment)}/{p}" for p in UNUSED])
    keep_commands(below(target, environment) / "bin")
    libraries = sorted(needed_libraries([python, *target.rglob("*.so*")]))
    for file in (environment / "bin/python3", *libraries):
        copy_file(file, target)
    link_folders(target)
    for folder in (stdlib, packages):
        compile_modules(below(target, folder), folder)
    describe_packages([python, *libraries], target)
    write_system_files(target)


def below(target: Path, path: Path) -> Path:
    """Where a path of this system lies in the image."""
    return target / path.relative_to("/")


def copy_tree(source: Path, target: Path, unused: Iterable[str]) -> None:
    """Copies a folder, but for compiled modules and what is unused."""
    left_out = {path for pattern in ("**/__pycache__", *unused) for path in source.glob(pattern)}

    def ignore(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder, name) in left_out]

    shutil.copytree(source, below(target, source), symlinks=True, ignore=ignore)


def keep_commands(folder: Path) -> None:
    """Deletes the commands of an environment, but for ours and Python."""
    for path in folder.iterdir():
        if not re.fullmatch(r"capsule-inspect|python[\d.]*", path.name):
            path.unlink()


def links_to(path: Path) -> Iterator[Path]:
    """The links that lead to a file, and the file; links of folders are followed."""
    while True:
        path = Path(os.path.realpath(path.parent)) / path.name
        yield path
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()


def copy_file(path: Path, target: Path) -> None:
    """Copies a file, and the links that lead to it."""
    for each in links_to(path):
        copied = below(target, each)
        if not copied.is_symlink() and not copied.exists():
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(each, copied, follow_symlinks=False)


def needed_libraries(binaries: Iterable[Path]) -> set[Path]:
    """The libraries of the system that binaries need, as the loader finds them."""
    found: set[Path] = set()
    for binary in binaries:
        told = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
        found |= {Path(path) for path in re.findall(r"(/\S+) \(0x", told)}
    return {path for path in found if path.parts[1] in SYSTEM}


SYSTEM = ("lib", "lib64", "usr")
"""Where the loader finds libraries of the system; others come with a package."""


def link_folders(target: Path) -> None:
    """Makes the links of Debian's root, such as /lib to usr/lib."""
    for name in SYSTEM:
        if (folder := Path("/", name)).is_symlink():
            (target / name).symlink_to(folder.readlink())


def compile_modules(folder: Path, shown_as: Path) -> None:
    """Compiles the modules of a folder, and deletes their source."""
    compileall.compile_dir(
        folder,
        ddir=str(shown_as),
        quiet=2,
        legacy=True,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    kept = {path for pattern in READ_AS_SOURCE for path in folder.glob(pattern)}
    for source in set(folder.rglob("*.py")) - kept:
        if source.with_suffix(".pyc").exists():
            source.unlink()


def describe_packages(files: Iterable[Path], target: Path) -> None:
    """Writes which packages of Debian the files are from, for scanners, and their licences."""
    asked = [str(each) for file in files for each in links_to(file)]
    asked += [path.removeprefix("/usr") for path in asked]  # as older packages spell it
    told = subprocess.run(["dpkg-query", "-S", *asked], capture_output=True, text=True, check=False)
    status = target / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    for package in sorted({line.partition(":")[0] for line in told.stdout.splitlines()}):
        stanza = subprocess.run(["dpkg-query", "-s", package], capture_output=True, check=True)
        (status / package).write_bytes(stanza.stdout)
        licence = Path("/usr/share/doc", package, "copyright")
        if licence.exists():
            copy_file(licence, target)


def write_system_files(target: Path) -> None:
    """Writes users and groups, and makes the folders that commands write into."""
    etc = target / "etc"
    etc.mkdir(exist_ok=True)
    (etc / "passwd").write_text(
        f"root:x:0:0::/:/sbin/nologin\ncapsule:x:{USER}:{USER}::/tmp:/sbin/nologin\n"
    )
    (etc / "group").write_text(f"root:x:0:\ncapsule:x:{USER}:\n")
    for name in ("ld.so.cache", "os-release"):
        shutil.copy2(Path("/etc", name), etc)
    for name, mode in (("tmp", 0o1777), ("work", 0o1777), ("run/secrets", 0o755)):
        (target / name).mkdir(parents=True, exist_ok=True)
        (target / name).chmod(mode)


if __name__ == "__main__":
    main()
