"""The results folders of parts: find them, and make sure that they make up one whole run."""

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Final

from capsule_inspect import __version__
from capsule_inspect.errors import UsageError
from capsule_inspect.files import StrPath
from capsule_inspect.inference.addresses import refuse_address
from capsule_inspect.inference.parts import Part, Share, compare_lists
from capsule_inspect.inference.patterns import is_pattern
from capsule_inspect.inference.results_folder import ResultsFolder, RunSettings
from capsule_inspect.inference.verify import verify_results
from capsule_inspect.text import counted, listed, suggest_path

_AGAIN: Final = "Inspect it again: repeat its command with --overwrite"


@dataclass(frozen=True)
class PartFolder:
    """The results folder of a part.

    Attributes:
        folder: The folder.
        part: Which part it is.
        settings: The settings of the run over all pictures.
    """

    folder: ResultsFolder
    part: Part
    settings: RunSettings

    def __str__(self) -> str:
        return f"Part {self.part.share} in '{self.folder.path}'"

    @property
    def count(self) -> int:
        """The number of its pictures."""
        return self.part.share.size(self.part.pictures)

    def verify(self) -> None:
        """Makes sure that the part is whole, and as its run left it.

        Raises:
            UsageError: It is not, or it cannot be read.
        """
        found = verify_results(self.folder.path)
        if found.problems:
            more = len(found.problems) - 1
            others = f" There {'is' if more == 1 else 'are'} {more} more." if more else ""
            raise UsageError(
                f"{self} is not as its run left it: {found.problems[0]}{others} {_AGAIN}, and then "
                "join the parts."
            )
        if found.pictures != self.count:
            raise UsageError(
                f"{self} has {counted(found.pictures, 'picture')} instead of {self.count}. "
                f"{_AGAIN}, and then join the parts."
            )


def find_parts(named: Sequence[StrPath]) -> tuple[PartFolder, ...]:
    """Finds the folders of parts, and makes sure that they are all there and belong together.

    What is in them is not read yet.

    Args:
        named: Folders of parts, folders that hold such folders, and patterns that match some.

    Returns:
        The parts by their numbers.

    Raises:
        UsageError: A folder is no part of a run that has ended; they are of different runs; one is
            missing or there twice.
    """
    if not named:
        raise UsageError("There is nothing to join: name the folders that predict --part wrote.")
    parts = [_read_part(path) for each in named for path in _expand(os.fspath(each))]
    parts.sort(key=lambda each: (each.part.n, each.part.k))
    for other in parts[1:]:
        _refuse_others(parts[0], other)
    for one, other in pairwise(parts):
        if one.part.k == other.part.k:
            raise UsageError(
                f"Part {one.part.share} is there twice, in '{one.folder.path}' and in "
                f"'{other.folder.path}'. Leave one of them out."
            )
    _refuse_missing(parts)
    for each in parts:
        if each.folder.read_seal() is None:
            raise UsageError(
                f"{each} has not finished. Repeat its command with --resume, and then join the "
                "parts."
            )
    return tuple(parts)


def _expand(text: str) -> Iterator[Path]:
    path = Path(text)
    if ResultsFolder(path).run_file.exists():
        yield path
        return
    if not os.path.lexists(path) and is_pattern(text):
        found = [Path(each) for each in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207
        if not any(map(_is_part, found)):
            raise UsageError(f"The pattern '{text}' matches no part of a run. Check it.")
    elif path.is_dir():
        found = sorted(path.iterdir())
        if not any(map(_is_part, found)):
            raise UsageError(
                f"'{path}' is no part of a run, and holds none. Name the folders that predict "
                "--part wrote."
            )
    else:
        refuse_address(text)
        hint = suggest_path(path, Path.is_dir) or " Name the folders that predict --part wrote."
        raise UsageError(f"The folder '{path}' does not exist.{hint}")
    yield from filter(_is_part, found)


def _is_part(path: Path) -> bool:
    """Tells whether a folder is a part; other runs beside the parts are left out."""
    folder = ResultsFolder(path)
    return folder.is_of_a_run() and "part" in folder.read_run()


def _read_part(path: Path) -> PartFolder:
    folder = ResultsFolder(path)
    run = folder.read_run()
    if not folder.is_of_a_run():
        raise UsageError(
            f"'{path}' is no results folder of predict, or its run.json is damaged. Name the "
            "folders that predict --part wrote."
        )
    if "part" not in run:
        raise UsageError(
            f"The run in '{path}' is over all pictures, so there is nothing to join. Leave it out."
        )
    if run.get("version") != __version__:
        raise UsageError(
            f"The part in '{path}' was made by version {run.get('version')}, and this is "
            f"{__version__}. Join parts with the version that inspected them."
        )
    part = Part.from_json(run["part"])
    settings = _read_settings(run)
    if part is None or settings is None:
        raise UsageError(f"'{folder.run_file}' was edited or is damaged. {_AGAIN}.")
    return PartFolder(folder, part, settings)


def _read_settings(run: Mapping[str, object]) -> RunSettings | None:
    """Returns the settings of the run over all pictures; None if they are damaged."""
    names = {each.name for each in fields(RunSettings)} - {"part"}
    values = {name: value for name, value in run.items() if name in names}
    classes = values.pop("classes", None)
    if not isinstance(classes, list):
        return None
    try:
        return RunSettings(classes=tuple(classes), **values)  # type: ignore[arg-type]  # of JSON
    except TypeError:
        return None


def _refuse_others(one: PartFolder, other: PartFolder) -> None:
    """Makes sure that two parts are of the same run."""
    between = f"'{other.folder.path}' and '{one.folder.path}' are not of the same run"
    own, wanted = asdict(other.settings), asdict(one.settings)
    changed = [
        f"{name} is {own[name]}, not {wanted[name]}" for name in own if own[name] != wanted[name]
    ]
    if changed:
        raise UsageError(
            f"{between}: {', '.join(changed)}. Inspect all parts with the same model and options."
        )
    if other.part.n != one.part.n:
        raise UsageError(
            f"{between}: the first is part {other.part.share}, the other part {one.part.share}. "
            "Leave out those that do not belong."
        )
    if other.part.list_sha256 != one.part.list_sha256:
        raise UsageError(
            f"{between}: their lists of pictures differ; of the first, "
            f"{compare_lists(other.part, one.part)}. Inspect all parts with the same inputs, such "
            "as @LIST with a file of paths."
        )
    if other.part != one.part and other.part.subject != one.part.subject:
        raise UsageError(f"{between}: one model judges capsules, the other whole pictures.")


def _refuse_missing(parts: Sequence[PartFolder]) -> None:
    n = parts[0].part.n
    there = {each.part.k for each in parts}
    missing = [str(Share(k, n)) for k in range(1, n + 1) if k not in there]
    if not missing:
        return
    verb = "Part {} is" if len(missing) == 1 else "Parts {} are"
    options = listed([f"--part {each}" for each in missing])
    raise UsageError(
        f"{verb.format(listed(missing))} missing: run predict over the same inputs with "
        f"{options}, and then join all parts."
    )
