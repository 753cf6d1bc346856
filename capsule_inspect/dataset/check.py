"""Checking every picture and mask of a data set, and telling all problems at once."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from capsule_inspect.classes import GOOD
from capsule_inspect.dataset.advance import Advance
from capsule_inspect.dataset.checked_picture import CheckedPicture, hash_pixels
from capsule_inspect.dataset.discovery import Discovery, FoundPicture
from capsule_inspect.dataset.problem import Problem
from capsule_inspect.dataset.set_problems import copy_problems, set_problems
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.picture_file import name_file
from capsule_inspect.imaging.read_mask import read_mask
from capsule_inspect.imaging.read_picture import read_picture
from capsule_inspect.on_one_line import on_one_line


def check_pictures(
    found: Discovery, advance: Advance | None = None
) -> tuple[tuple[CheckedPicture, ...], tuple[Problem, ...]]:
    """Reads every picture and mask once and checks them.

    Fatal: a picture or mask that cannot be read, a mask of another size, a mask without a defect
    for a defective picture or with one for a good picture, several masks for one picture or one
    for several, a defective picture without a mask where others have one, a mask without its
    picture, a name no manifest can hold, and copies of one picture with different labels.
    Warnings: copies with the same label, a mask of more than two values, a set without masks,
    pictures outside the class folders, classes too small to split, and a set without defects.

    Args:
        found: What to check.
        advance: Told after every picture.

    Returns:
        The pictures without a fatal problem, sorted by path, and all problems, sorted by path.
    """
    # Those of good pictures say nothing, for they are empty.
    masks_exist = any(picture.masks for picture in found.pictures if picture.label != GOOD)
    claims = Counter(mask for picture in found.pictures for mask in picture.masks)
    fit: list[CheckedPicture] = []
    problems = [*_stray_problems(found)]
    for done, picture in enumerate(found.pictures, start=1):
        checked, own = _check_picture(found.root, picture, masks_exist, claims)
        problems += own
        if checked is not None and not any(problem.fatal for problem in own):
            fit.append(checked)
        if advance is not None:
            advance(done, len(found.pictures))
    copies = copy_problems(fit)
    conflicting = {problem.path for problem in copies if problem.fatal}
    fit = [checked for checked in fit if checked.path not in conflicting]
    problems += [*copies, *set_problems(fit)]
    problems.sort(key=lambda problem: (problem.path, problem.message))
    return tuple(fit), tuple(problems)


def _check_picture(
    root: Path, found: FoundPicture, masks_exist: bool, claims: Counter[str]
) -> tuple[CheckedPicture | None, list[Problem]]:
    problems = [*_name_problems(found)]
    try:
        pixels = read_picture(root / found.path)
    except PictureError as error:
        return None, [*problems, _unreadable(found.path, root / found.path, error)]
    height, width, _ = pixels.shape
    if len(found.masks) > 1:
        message = f"It has several masks: {', '.join(found.masks)}. Keep one."
        problems.append(Problem(found.path, message, fatal=True))
    elif not found.masks and found.label != GOOD and masks_exist:
        message = "It has no mask, but other pictures have one."
        problems.append(Problem(found.path, message, fatal=True))
    for mask in found.masks[:1]:
        if claims[mask] > 1:
            message = f"It shares the mask {mask} with another picture of that name; rename one."
            problems.append(Problem(found.path, message, fatal=True))
        problems += _mask_problems(root, mask, found.label, (height, width))
    checked = CheckedPicture(
        path=found.path,
        label=found.label,
        # A good picture's mask is all background, which its label says already.
        mask="" if found.label == GOOD else "".join(found.masks[:1]),
        sha256=hash_pixels(pixels),
        width=width,
        height=height,
    )
    return checked, problems


def _name_problems(found: FoundPicture) -> Iterator[Problem]:
    for name in (found.path, *found.masks):
        if name != on_one_line(name):
            message = "Its name holds a control character, or is not UTF-8; rename it."
            yield Problem(on_one_line(name), message, fatal=True)
    if not found.label.strip():
        message = "The name of its class folder is blank; rename that."
        yield Problem(found.path, message, fatal=True)


def _mask_problems(root: Path, path: str, label: str, size: tuple[int, int]) -> Iterator[Problem]:
    try:
        mask = read_mask(root / path)
    except PictureError as error:
        yield _unreadable(path, root / path, error)
        return
    if mask.shape != size:
        yield Problem(
            path,
            f"The mask has {mask.shape[1]} x {mask.shape[0]} pixels, "
            f"its picture {size[1]} x {size[0]}.",
            fatal=True,
        )
    values = np.unique(mask)
    if label == GOOD and values.any():
        yield Problem(
            path, "The mask marks a defect, but its picture is labelled good.", fatal=True
        )
    elif label != GOOD and not values.any():
        yield Problem(path, f"The mask is empty, but its picture is labelled {label}.", fatal=True)
    elif len(values) > 2:
        message = f"The mask holds {len(values)} values; all but 0 count as defect."
        yield Problem(path, message, fatal=False)


def _unreadable(path: str, full: Path, error: PictureError) -> Problem:
    message = str(error).replace(name_file(full), "It", 1)
    return Problem(on_one_line(path), on_one_line(message), fatal=True)


def _stray_problems(found: Discovery) -> Iterator[Problem]:
    for path in found.stray_masks:
        yield Problem(on_one_line(path), "The mask has no picture.", fatal=True)
    for path in found.stray_pictures:
        message = "It lies in no class folder and is left out."
        yield Problem(on_one_line(path), message, fatal=False)
