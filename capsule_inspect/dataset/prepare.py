"""Prepare a data set folder from pictures, or from drawn capsules."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from capsule_inspect import __version__
from capsule_inspect.choices import GOOD, Protocol, SplitChoice, split_of
from capsule_inspect.dataset.check import (
    CheckedPicture,
    check_pictures,
    set_problems,
    split_problems,
)
from capsule_inspect.dataset.data_set import (
    DESCRIPTION,
    MASKS,
    DataSet,
    class_order,
    write_dataset,
)
from capsule_inspect.dataset.group_check import group_problems
from capsule_inspect.dataset.layouts.discovery import Discovery
from capsule_inspect.dataset.layouts.mvtec import MvtecAd
from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.dataset.manifest import MANIFEST, Sample
from capsule_inspect.dataset.part_groups import group_pictures, parts_of, require_several_parts
from capsule_inspect.dataset.pixel_hash import hash_mask, hash_picture
from capsule_inspect.dataset.problems import Problem, UnfitDataError
from capsule_inspect.dataset.split import split_pictures
from capsule_inspect.drawing.capsules import draw_capsule, draw_labels
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.imaging.encode import encode_mask, encode_picture
from capsule_inspect.imaging.find_capsules import shows_another_product
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.settings.groups import DataSettings
from capsule_inspect.text import counted, on_one_line

PICTURES: Final = "pictures"
"""Folder of the pictures that `prepare` draws, in the data set folder."""


def draw_set(
    out: Path, settings: DataSettings, reporter: Reporter = SILENT
) -> list[CheckedPicture]:
    """Draws capsules into `out/pictures/0000.png` and on, masks of defects into `out/masks/`.

    The labels come from `draw_labels`, and the names do not tell them. Picture i is drawn from the
    seed (settings.seed, i).

    Args:
        out: Folder to write into; made if missing.
        settings: Number and size of the pictures, and the seed.
        reporter: Follows the progress.

    Returns:
        The pictures, sorted by path; the paths are relative to `out`.

    Raises:
        OSError: A file cannot be written.
        PictureError: A picture cannot be encoded.
    """
    (out / PICTURES).mkdir(parents=True, exist_ok=True)
    (out / MASKS).mkdir(exist_ok=True)
    drawn: list[CheckedPicture] = []
    digits = max(4, len(str(settings.count - 1)))
    with reporter.progress(settings.count, "Drawing") as advance:
        for i, label in enumerate(draw_labels(settings.count, settings.seed)):
            capsule = draw_capsule(label, (settings.seed, i), settings.size)
            path, mask, mask_sha256 = f"{PICTURES}/{i:0{digits}}.png", "", ""
            (out / path).write_bytes(encode_picture(capsule.picture))
            if capsule.mask.any():
                mask = f"{MASKS}/{i:0{digits}}.png"
                (out / mask).write_bytes(encode_mask(capsule.mask))
                mask_sha256 = hash_mask(np.where(capsule.mask, 255, 0).astype(np.uint8))
            height, width, _ = capsule.picture.shape
            drawn.append(
                CheckedPicture(
                    path=path,
                    label=label,
                    mask=mask,
                    sha256=hash_picture(capsule.picture),
                    width=width,
                    height=height,
                    mask_sha256=mask_sha256,
                )
            )
            advance()
    return drawn


DRAWN: Final = "drawn"
"""The source that stands for drawn capsules; `./drawn` is a folder of that name."""


@dataclass(frozen=True)
class Prepared:
    """A data set folder, and the problems of its source.

    Attributes:
        folder: The data set folder.
        data: The data set in it.
        problems: The warnings and, with `skip_bad`, the reasons why pictures were left out; sorted
            by path.
        shows_capsules: Whether capsules are found on half of the pictures or more.
    """

    folder: Path
    data: DataSet
    problems: tuple[Problem, ...]
    shows_capsules: bool = True


def prepare_dataset(
    source: str | Path,
    out: Path,
    settings: DataSettings,
    skip_bad: bool = False,
    reporter: Reporter = SILENT,
    split: SplitChoice | Protocol | None = None,
) -> Prepared:
    """Checks and splits pictures, and writes a data set folder; the pictures stay in place.

    Args:
        source: A folder in a registered layout, or the word `drawn`.
        out: Folder to write; new or empty.
        settings: Seed, shares and folds; for `drawn` also number and size.
        skip_bad: Leave out pictures with fatal problems instead of refusing.
        reporter: Follows the progress.
        split: Whether to keep the split that the folder has, or to draw a new one; or the benchmark
            whose split to keep. None keeps that of the layouts that are made for it.

    Raises:
        UsageError: `source` is not a folder, or `out` is not empty or cannot be written to.
        DataError: `source` has no known layout or no class `good`, or cannot be read.
        UnfitDataError: Pictures or masks have fatal problems, or no good picture is left;
            nothing was written.
    """
    _refuse_used(out)
    if source == DRAWN:
        return _draw(out, settings, reporter)
    found = discover(Path(source), settings.good)
    own = _own_splits(found, split)
    bits = settings.bits or None
    pictures, problems = check_pictures(found, reporter, bits, invert_masks=settings.invert_masks)
    problems = (*problems, *split_problems(pictures, own))
    if own:
        crossing = {problem.path for problem in problems if problem.fatal}
        pictures = tuple(each for each in pictures if each.path not in crossing)
        message = "The split of its folders is kept; --split new draws another."
        problems = (Problem("", message, fatal=False), *problems)
    elif split is None and any(each.split for each in found.pictures):
        message = "The split of its folders is not taken; --split keep takes it."
        problems = (Problem("", message, fatal=False), *problems)
    if found.sound_class not in (GOOD, settings.good):
        message = f"The class `{found.sound_class}` is taken as `{GOOD}`."
        problems = (Problem("", message, fatal=False), *problems)
    fatal = sum(problem.fatal for problem in problems)
    if fatal and not skip_bad:
        raise UnfitDataError(
            f"'{source}' has {counted(fatal, 'problem')}, so nothing was written. "
            "Fix them, or leave those pictures out with --skip-bad.",
            problems,
        )
    labels = {picture.label for picture in pictures}
    if GOOD not in labels:
        raise UnfitDataError(f"'{source}' has no usable picture of the class `{GOOD}`.", problems)
    data = DataSet(
        root=found.root,
        classes=class_order(labels),
        samples=_with_splits(_samples(pictures, settings), own),
        seed=settings.seed,
        source=on_one_line(f"{found.root.name} ({found.layout})"),
        licence=_licence(found.root),
        version=__version__,
        mask_root=out.resolve() if any(picture.mask_png for picture in pictures) else None,
        bits=bits,
    )
    problems = (*group_problems(data.samples, settings), *problems)
    with _all_or_nothing(out):
        _write_masks(out, pictures)
        write_dataset(out, data)
    missing = sum(not picture.has_capsule for picture in pictures)
    return Prepared(out, data, problems, not shows_another_product(missing, len(pictures)))


def _own_splits(found: Discovery, split: SplitChoice | Protocol | None) -> dict[str, str]:
    """Returns the split of each picture that is to be kept, by its path; empty for a new split."""
    if split == "new" or (split is None and not found.is_split):
        return {}
    if split == "mvtec":
        return _split_of_mvtec(found)
    own = {each.path: each.split for each in found.pictures if each.split}
    if not own:
        raise DataError(
            f"'{found.root}' ({found.layout}) has no split of its own to keep. Leave --split."
        )
    return own


def _split_of_mvtec(found: Discovery) -> dict[str, str]:
    if found.layout != MvtecAd.name:
        raise DataError(
            f"'{found.root}' is no data set of MVTec AD ({found.layout}). Leave --protocol."
        )
    return {each.path: split_of(each.path.partition("/")[0]) for each in found.pictures}


def _with_splits(samples: tuple[Sample, ...], own: Mapping[str, str]) -> tuple[Sample, ...]:
    return tuple(replace(each, split=own.get(each.path, each.split)) for each in samples)


def _write_masks(out: Path, pictures: Iterable[CheckedPicture]) -> None:
    for picture in pictures:
        if picture.mask_png is not None:
            (out / picture.mask).parent.mkdir(parents=True, exist_ok=True)
            (out / picture.mask).write_bytes(picture.mask_png)


def _draw(out: Path, settings: DataSettings, reporter: Reporter) -> Prepared:
    with _all_or_nothing(out):
        pictures = draw_set(out, settings, reporter)
        data = DataSet(
            root=out.resolve(),
            classes=class_order(picture.label for picture in pictures),
            samples=_samples(pictures, settings),
            seed=settings.seed,
            source=f"drawn by capsule-inspect {__version__}: {settings.count} capsules, "
            f"{settings.size} pixels, seed {settings.seed}",
            licence="CC0-1.0: drawn, no photographs; do with them what you like",
            version=__version__,
        )
        write_dataset(out, data)
    return Prepared(out, data, tuple(set_problems(pictures)))


@contextmanager
def _all_or_nothing(out: Path) -> Iterator[None]:
    """Empties a folder again if writing to it fails or stops halfway.

    Raises:
        UsageError: In place of an OSError.
    """
    with ExitStack() as undo:
        for name in (PICTURES, MASKS):
            undo.callback(shutil.rmtree, out / name, ignore_errors=True)
        for name in (DESCRIPTION, MANIFEST):
            undo.callback(_remove, out / name)
        try:
            yield
        except OSError as error:
            raise UsageError(f"Cannot write to '{out}': {error.strerror or error}.") from error
        undo.pop_all()


def _remove(file: Path) -> None:
    with suppress(OSError):
        file.unlink()


def _samples(pictures: Collection[CheckedPicture], settings: DataSettings) -> tuple[Sample, ...]:
    groups = group_pictures(
        [picture.path for picture in pictures], settings.group, settings.group_gap
    )
    require_several_parts(groups, settings)
    samples = tuple(
        Sample(
            path=picture.path,
            label=picture.label,
            mask=picture.mask,
            split="",
            fold=None,
            sha256=picture.sha256,
            width=picture.width,
            height=picture.height,
            mask_sha256=picture.mask_sha256,
            group=groups[picture.path],
        )
        for picture in sorted(pictures, key=lambda picture: picture.path)
    )
    places = split_pictures(
        {sample.sha256: sample.label for sample in samples},
        settings.seed,
        settings.val,
        settings.test,
        settings.folds,
        parts_of(samples),
    )
    return tuple(replace(sample, **vars(places[sample.sha256])) for sample in samples)


def _licence(root: Path) -> str:
    """Returns the first line of the licence file beside the pictures."""
    for path in sorted(root.iterdir()):
        if path.stem.lower() in {"license", "licence"} and path.is_file():
            with path.open(encoding="utf-8", errors="replace") as text:
                title = next((" ".join(line.split()) for line in text if line.strip()), "")
            return on_one_line(f"{title[:200]} (see {path.name} beside the pictures)")
    return "unknown: no licence file beside the pictures"


def _refuse_used(out: Path) -> None:
    try:
        if out.is_dir() and any(out.iterdir()):
            raise UsageError(f"The folder '{out}' is not empty. Give a new one, or empty it first.")
        if out.exists() and not out.is_dir():
            raise UsageError(f"'{out}' is a file. Give a folder that does not exist yet.")
    except OSError as error:
        raise UsageError(f"'{out}' cannot be used: {error.strerror}.") from error
